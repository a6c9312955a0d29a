//! Finds the files of a commit that are Git LFS pointers.

use git2::Oid;

use super::Snapshot;
use super::path::{EntryType, entries};
use crate::git::error::GitError;
use crate::git::store::Inner;
use crate::git::tree::LFS_POINTER;

/// The maximum size of a pointer in bytes (git-lfs `docs/spec.md`).
const MAX_POINTER: usize = 1024;
/// The maximum number of tree entries that are visited.
const MAX_ENTRIES: usize = 500_000;
/// The maximum depth of directories.
const MAX_DEPTH: usize = 100;
/// The maximum size of one tree object in bytes.
const MAX_TREE: usize = 12 << 20;

/// The files of a commit that are Git LFS pointers: their content is on another server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pointers {
    /// The paths of the first ones.
    pub(crate) paths: Vec<String>,
    /// The number of all pointers.
    pub(crate) count: usize,
}

impl Snapshot {
    /// Finds pointers below the directory `base` whose paths, relative to `base`, `wanted` accepts. Keeps the first
    /// `most` paths.
    pub(crate) async fn pointers(
        &mut self,
        base: &str,
        most: usize,
        wanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Pointers, GitError> {
        let Some(base) = self.find("", base, false).await? else { return Ok(Pointers::default()) };
        let store = self.with_small_files().await?;
        let work = move |inner: &Inner| {
            let mut walk = Walk { inner, most, wanted: &wanted, found: Pointers::default(), looked_at: 0 };
            walk.directory(&base.id, "", 0)?;
            Ok(walk.found)
        };
        store.run(work).await
    }
}

struct Walk<'a> {
    inner: &'a Inner,
    most: usize,
    wanted: &'a dyn Fn(&str) -> bool,
    found: Pointers,
    looked_at: usize,
}

impl Walk<'_> {
    fn directory(&mut self, id: &str, above: &str, depth: usize) -> Result<(), GitError> {
        let Some(tree) = self.raw(id, MAX_TREE)? else { return Ok(()) };
        for (name, found) in entries(&tree, id.len() / 2) {
            self.looked_at += 1;
            if self.looked_at > MAX_ENTRIES {
                return Ok(());
            }
            let path = format!("{above}{}", String::from_utf8_lossy(name));
            match found.entry_type {
                EntryType::Directory if depth < MAX_DEPTH => {
                    self.directory(&found.id, &format!("{path}/"), depth + 1)?;
                }
                EntryType::File if (self.wanted)(&path) => self.file(path, &found.id)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, id: &str) -> Result<(), GitError> {
        if !self.raw(id, MAX_POINTER)?.is_some_and(|bytes| bytes.starts_with(LFS_POINTER)) {
            return Ok(());
        }
        self.found.count += 1;
        if self.found.paths.len() < self.most {
            self.found.paths.push(path);
        }
        Ok(())
    }

    /// The bytes of an object; `None` if it is larger than `most`, or was not sent because of its size.
    fn raw(&self, id: &str, most: usize) -> Result<Option<Vec<u8>>, GitError> {
        let oid = Oid::from_str(id).map_err(|e| GitError::local("read an object id", e))?;
        if self.inner.has(oid) { self.inner.raw(oid, most) } else { Ok(None) }
    }
}
