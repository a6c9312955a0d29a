//! The directory that is written.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;

use crate::migrate::MigratedFile;

/// Whether the directory has no entry, or does not exist.
pub(super) fn is_empty(directory: &Path) -> anyhow::Result<bool> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", directory.display())),
    }
}

/// Writes the files. A file that is there is replaced as a whole, also if it is a link.
pub(super) fn write(directory: &Path, files: &[MigratedFile]) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    for MigratedFile { name, text } in files {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(parent)?;
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            file.write_all(text.as_bytes())?;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            file.persist(&path).map(drop).map_err(|error| error.error)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
