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
/// Bytes of all directories: those that a file is in are held at a time, and one that is broken has no entries to count.
const MAX_TREES: usize = 32 << 20;
/// Bytes of a path: Linux has no longer ones (`PATH_MAX`). Names in a tree may have megabytes.
const MAX_PATH: usize = 4096;
/// How long is looked for them: a thread is not stopped from outside, and what `wanted` compares may be long.
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
            let (found, looked_at, room) = (Pointers::default(), 0, MAX_TREES);
            let until = Instant::now() + MAX_TIME;
            let mut walk = Walk { inner, most, wanted: &wanted, found, looked_at, room, until };
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
    /// Bytes that further directories may have.
    room: usize,
    until: Instant,
}

impl Walk<'_> {
    fn directory(&mut self, id: &str, above: &str, depth: usize) -> Result<(), GitError> {
        let Some(tree) = self.raw(id, MAX_TREE.min(self.room))? else { return Ok(()) };
        self.room -= tree.len();
        for (name, found) in entries(&tree, id.len() / 2) {
            self.looked_at += 1;
            if self.looked_at > MAX_ENTRIES || Instant::now() > self.until {
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
        // Few files are pointers, and to ask of each takes long.
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
            let (found, looked_at, room) = (Pointers::default(), 0, MAX_TREES);
            let until = Instant::now() + MAX_TIME;
            let mut walk = Walk { inner, most: 1, wanted: &|_| true, found, looked_at, room, until };
            walk.directory(&id.to_string(), "", 0)?;
            assert!(walk.looked_at <= depth + 1);
            Ok(walk.found.count)
        };
        store.run(work).await.unwrap()
    }

    #[tokio::test]
    async fn what_no_file_system_could_hold_is_not_looked_at() {
        assert_eq!(count(10, 20).await, 1);
        assert_eq!(count(MAX_PATH + 1, 1).await, 0);
        assert_eq!(count(1000, 20).await, 0);
    }
}
