//! The files of a commit that are pointers of Git LFS.

use std::time::{Duration, Instant};

use git2::Oid;

use super::Snapshot;
use super::path::{Sort, entries};
use crate::git::error::GitError;
use crate::git::store::Inner;
use crate::git::tree::LFS_POINTER;

/// Bytes of a pointer at most (git-lfs `docs/spec.md`).
const MAX_POINTER: usize = 1024;
/// Entries that are looked at.
const MAX_ENTRIES: usize = 500_000;
/// Directories within each other.
const MAX_DEPTH: usize = 100;
/// Bytes of one directory.
const MAX_TREE: usize = 12 << 20;
/// How long is looked: nobody who stops waiting stops the thread.
const LONGEST: Duration = Duration::from_secs(5);

/// Files whose content is elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pointers {
    /// The first ones, by their paths.
    pub(crate) paths: Vec<String>,
    /// How many there are.
    pub(crate) count: usize,
}

impl Snapshot {
    /// Looks for pointers below the directory `base`, where `wanted` says yes to their paths from there, and keeps `most` of them.
    pub(crate) async fn pointers(
        &mut self,
        base: &str,
        most: usize,
        wanted: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Pointers, GitError> {
        let Some(base) = self.find("", base, false).await? else { return Ok(Pointers::default()) };
        let store = self.with_small_files().await?;
        let work = move |inner: &Inner| {
            let mut walk = Walk {
                inner,
                most,
                wanted: &wanted,
                found: Pointers::default(),
                looked_at: 0,
                until: Instant::now() + LONGEST,
            };
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
    until: Instant,
}

impl Walk<'_> {
    fn directory(&mut self, id: &str, above: &str, depth: usize) -> Result<(), GitError> {
        let Some(tree) = self.raw(id, MAX_TREE)? else { return Ok(()) };
        for (name, found) in entries(&tree, id.len() / 2) {
            self.looked_at += 1;
            if self.looked_at > MAX_ENTRIES || Instant::now() > self.until {
                return Ok(());
            }
            let path = format!("{above}{}", String::from_utf8_lossy(name));
            match found.sort {
                Sort::Directory if depth < MAX_DEPTH => {
                    self.directory(&found.id, &format!("{path}/"), depth + 1)?;
                }
                Sort::File => self.file(path, &found.id)?,
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

    /// An object's bytes; none of one that is larger, or that was not sent because it is.
    fn raw(&self, id: &str, most: usize) -> Result<Option<Vec<u8>>, GitError> {
        let oid = Oid::from_str(id).map_err(|e| GitError::local("read an object id", e))?;
        if self.inner.has(oid) { self.inner.raw(oid, most) } else { Ok(None) }
    }
}
