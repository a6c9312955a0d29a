//! Temporary directories for objects, and the removal of those that killed processes left.
//!
//! The owner of a directory holds a lock on it (`flock(2)`) for its whole life. The kernel releases the lock when the
//! process dies, however it dies. So a directory that can be locked has no owner.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::super::error::GitError;

const PREFIX: &str = "argo-buildkit-git-";
/// The number of tries in each parent directory. Another process may remove a new directory before its owner has
/// locked it.
const TRIES: usize = 3;

/// A locked temporary directory. On drop it is removed, then unlocked.
#[derive(Debug)]
pub(super) struct LockedDir {
    dir: tempfile::TempDir,
    _lock: File,
}

impl LockedDir {
    /// Makes one in the first parent directory that is writable.
    pub(super) fn make(temp_dir: Option<&Path>) -> Result<Self, GitError> {
        let mut first_error = None;
        for place in places(temp_dir) {
            match Self::within(&place) {
                Ok(made) => return Ok(made),
                Err(error) => {
                    let doing = format!("make a temporary directory in `{}` or /dev/shm", place.display());
                    first_error.get_or_insert(GitError::local(doing, error));
                }
            }
        }
        Err(first_error.unwrap_or_else(|| GitError::local("make a temporary directory", "no place")))
    }

    fn within(place: &Path) -> io::Result<Self> {
        let mut last = io::Error::other("other processes took it away");
        for _ in 0..TRIES {
            let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
            match lock(dir.path()) {
                Ok(lock) if dir.path().exists() => return Ok(Self { dir, _lock: lock }),
                Ok(_) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn places(temp_dir: Option<&Path>) -> Vec<PathBuf> {
    let given = temp_dir.map(Path::to_owned);
    given.into_iter().chain([std::env::temp_dir(), PathBuf::from("/dev/shm")]).collect()
}

fn lock(dir: &Path) -> io::Result<File> {
    let file = File::open(dir)?;
    file.try_lock()?;
    Ok(file)
}

/// Removes directories without a living owner from all parent directories; returns their number.
pub(super) fn sweep(temp_dir: Option<&Path>) -> usize {
    let entries = places(temp_dir).into_iter().filter_map(|place| fs::read_dir(place).ok()).flatten();
    let ours = entries.filter_map(Result::ok).filter(|entry| {
        entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type().is_ok_and(|t| t.is_dir())
    });
    ours.filter(|entry| remove(&entry.path())).count()
}

/// Removes the directory if no process has locked it; returns whether it did.
fn remove(dir: &Path) -> bool {
    // The lock is held until the directory is gone, so that no other process starts to use it.
    let Ok(_lock) = lock(dir) else { return false };
    let removed = fs::remove_dir_all(dir);
    if let Err(error) = &removed {
        tracing::warn!(%error, dir = %dir.display(), "a left-over directory cannot be removed");
    }
    removed.is_ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::{LockedDir, sweep};

    #[test]
    fn what_nobody_holds_is_removed_and_nothing_else() {
        let temp = tempfile::tempdir().unwrap();
        let held = LockedDir::make(Some(temp.path())).unwrap();
        let left = temp.path().join("argo-buildkit-git-left");
        std::fs::create_dir_all(left.join("objects/pack")).unwrap();
        let other = temp.path().join("argo-buildkit-other");
        std::fs::create_dir(&other).unwrap();
        sweep(Some(temp.path()));
        assert!(held.path().exists() && other.exists() && !left.exists());
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }
}
