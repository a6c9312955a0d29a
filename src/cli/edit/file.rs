//! A local file that is edited. It is read and replaced as a whole.

use std::fs::{self, File, Metadata};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A file, as it was read.
pub(super) struct LocalFile {
    path: PathBuf,
    metadata: Metadata,
    pub(super) bytes: Vec<u8>,
}

impl LocalFile {
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

    /// The path in a diff.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string().trim_start_matches("./").to_owned()
    }

    /// Replaces the file's content with `new` atomically: a reader sees the old file or the new one. Mode and owner
    /// are kept.
    pub(super) fn replace(&self, new: &[u8]) -> anyhow::Result<()> {
        self.replaced(new).with_context(|| format!("writing {}", self.path.display()))
    }

    fn replaced(&self, new: &[u8]) -> anyhow::Result<()> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
        file.write_all(new)?;
        self.copy_owner_and_mode(file.as_file())?;
        if fs::symlink_metadata(&self.path)?.is_symlink() || fs::read(&self.path)? != self.bytes {
            bail!("the file has changed since it was read; nothing was written to it");
        }
        file.persist(&self.path)?;
        Ok(())
    }

    /// Copies the owner and the mode to `file`. The owner is set first, because that clears mode bits.
    fn copy_owner_and_mode(&self, file: &File) -> anyhow::Result<()> {
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (self.metadata.uid(), self.metadata.gid()) {
            fchown(file, Some(self.metadata.uid()), Some(self.metadata.gid()))
                .context("the new file cannot be given the owner of the old one")?;
        }
        file.set_permissions(self.metadata.permissions())?;
        Ok(())
    }
}
