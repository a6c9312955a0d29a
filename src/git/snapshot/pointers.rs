//! Finds the files of a commit that are Git LFS pointers.

use std::time::{Duration, Instant};

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
/// The maximum size in bytes of all directories together. The directories around a file are all in memory, and a directory
/// with malformed entries does not count towards `MAX_ENTRIES`.
const MAX_TREES: usize = 32 << 20;
/// The maximum size of a path in bytes (Linux `PATH_MAX`). A name in a tree may have megabytes.
const MAX_PATH: usize = 4096;
/// The time limit of a search. Nothing can stop the thread from outside, and each call of `wanted` may take long.
const MAX_TIME: Duration = Duration::from_secs(5);

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
            let mut walk = Walk::new(inner, most, &wanted);
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
    /// The number of entries visited so far.
    visited: usize,
    /// The bytes that further directories may have.
    room: usize,
    end: Instant,
}

impl<'a> Walk<'a> {
    fn new(inner: &'a Inner, most: usize, wanted: &'a dyn Fn(&str) -> bool) -> Self {
        let end = Instant::now() + MAX_TIME;
        Self { inner, most, wanted, found: Pointers::default(), visited: 0, room: MAX_TREES, end }
    }

    fn directory(&mut self, id: &str, above: &str, depth: usize) -> Result<(), GitError> {
        let Some(tree) = self.raw(id, MAX_TREE.min(self.room))? else { return Ok(()) };
        self.room -= tree.len();
        for (name, found) in entries(&tree, id.len() / 2) {
            self.visited += 1;
            if self.visited > MAX_ENTRIES || Instant::now() > self.end {
                return Ok(());
            }
            if above.len() + name.len() > MAX_PATH {
                continue;
            }
            let path = format!("{above}{}", String::from_utf8_lossy(name));
            match found.entry_type {
                EntryType::Directory if depth < MAX_DEPTH => {
                    self.directory(&found.id, &format!("{path}/"), depth + 1)?;
                }
                EntryType::File => self.file(path, &found.id)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, id: &str) -> Result<(), GitError> {
        let is_pointer = self.raw(id, MAX_POINTER)?.is_some_and(|bytes| bytes.starts_with(LFS_POINTER));
        // Few files are pointers, so check that first: `wanted` is slow.
        if !is_pointer || !(self.wanted)(&path) {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use git2::ObjectType;

    use super::*;
    use crate::git::store::Store;
    use crate::git::{Git, GitOptions};

    /// The pointers that are found below `depth` directories with names of `length` bytes.
    async fn count(length: usize, depth: usize) -> usize {
        let store = Store::create(&Git::new(GitOptions::default()).unwrap()).await.unwrap();
        let work = move |inner: &Inner| {
            let odb = inner.repo.odb().unwrap();
            let entry = |mode: &str, name: &str, id: Oid| {
                [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat()
            };
            let mut id = odb.write(ObjectType::Blob, LFS_POINTER).unwrap();
            id = odb.write(ObjectType::Tree, &entry("100644", "a", id)).unwrap();
            for _ in 0..depth {
                id = odb.write(ObjectType::Tree, &entry("40000", &"d".repeat(length), id)).unwrap();
            }
            let mut walk = Walk::new(inner, 1, &|_| true);
            walk.directory(&id.to_string(), "", 0)?;
            assert!(walk.visited <= depth + 1);
            Ok(walk.found.count)
        };
        store.run(work).await.unwrap()
    }

    #[tokio::test]
    async fn paths_that_no_file_system_can_hold_are_skipped() {
        assert_eq!(count(10, 20).await, 1);
        assert_eq!(count(MAX_PATH + 1, 1).await, 0);
        assert_eq!(count(1000, 20).await, 0);
    }
}
