//! A local file that is edited: read whole, replaced whole.

use std::fs::{self, File, Metadata};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A file as it was read.
pub(super) struct Source {
    path: PathBuf,
    metadata: Metadata,
    pub(super) bytes: Vec<u8>,
}

impl Source {
    /// Reads a regular file.
    pub(super) fn read(path: PathBuf) -> anyhow::Result<Self> {
        let metadata = fs::symlink_metadata(&path).context("cannot be read")?;
        if metadata.is_symlink() {
            bail!("is a symbolic link, which is not followed; name the file that it leads to");
        }
        if !metadata.is_file() {
            bail!("is not a regular file");
        }
        let bytes = fs::read(&path).context("cannot be read")?;
        Ok(Self { path, metadata, bytes })
    }

    /// The path as a difference shows it.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string().trim_start_matches("./").to_owned()
    }

    /// Puts `new` in the file's place at once: a reader sees the old file or the new one. Mode and owner stay.
    pub(super) fn replace(&self, new: &[u8]) -> anyhow::Result<()> {
        self.replaced(new).with_context(|| format!("writing {}", self.path.display()))
    }

    fn replaced(&self, new: &[u8]) -> anyhow::Result<()> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
        file.write_all(new)?;
        self.dress(file.as_file())?;
        if fs::symlink_metadata(&self.path)?.is_symlink() || fs::read(&self.path)? != self.bytes {
            bail!("the file has changed since it was read; nothing was written to it");
        }
        file.persist(&self.path)?;
        Ok(())
    }

    /// Gives `file` the owner and the mode that ours has. The owner first: a change of it clears mode bits.
    fn dress(&self, file: &File) -> anyhow::Result<()> {
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (self.metadata.uid(), self.metadata.gid()) {
            fchown(file, Some(self.metadata.uid()), Some(self.metadata.gid()))
                .context("the new file cannot be given the owner of the old one")?;
        }
        file.set_permissions(self.metadata.permissions())?;
        Ok(())
    }
}
