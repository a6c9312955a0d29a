//! From a path to what a commit has there.

use bytes::Bytes;

use super::Snapshot;
use crate::git::error::GitError;

/// Symbolic links on the way to a file, before they are a circle.
const MAX_LINKS: usize = 16;

/// What a tree has under a name (git `object.h`, `tree-walk.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Commit,
}

/// What a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it is.
    pub(crate) sort: Sort,
    /// Its object's id.
    pub(crate) id: String,
}

impl Snapshot {
    /// What is at `path` below the directory `base`. Symbolic links are followed if `links`, and lead nowhere out of `base`, as in
    /// a build (buildkit `cache/util/fsutil.go`).
    pub(crate) async fn find(
        &mut self,
        base: &str,
        path: &str,
        links: bool,
    ) -> Result<Option<Found>, GitError> {
        let root = Found { sort: Sort::Directory, id: self.root.clone() };
        let Some(base) = self.walk(root, base, false).await? else { return Ok(None) };
        if base.sort != Sort::Directory {
            return Ok(None);
        }
        self.walk(base, path, links).await
    }

    async fn walk(&mut self, base: Found, path: &str, links: bool) -> Result<Option<Found>, GitError> {
        let mut above = vec![base];
        let mut names: Vec<String> = names(path).collect();
        let mut followed = 0;
        while let Some(name) = names.pop() {
            if name == ".." {
                above.truncate((above.len() - 1).max(1));
                continue;
            }
            let Some(here) = above.last().filter(|found| found.sort == Sort::Directory) else {
                return Ok(None);
            };
            let tree = self.object(&here.id.clone()).await?;
            let Some(found) = entry(&tree, &name, here.id.len() / 2) else { return Ok(None) };
            if found.sort != Sort::Link || !links {
                above.push(found);
                continue;
            }
            followed += 1;
            let target = self.object(&found.id).await?;
            let Some(target) = std::str::from_utf8(&target).ok().filter(|_| followed <= MAX_LINKS) else {
                return Ok(None);
            };
            if target.starts_with('/') {
                above.truncate(1);
            }
            names.extend(self::names(target));
        }
        Ok(above.pop())
    }
}

/// A path's names, the last one first.
fn names(path: &str) -> impl Iterator<Item = String> {
    path.rsplit('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned)
}

/// The entry `name` of a tree: `MODE NAME\0ID` each, the id in bytes (git `Documentation/gitformat-tree`, `tree-walk.c`).
fn entry(tree: &Bytes, name: &str, width: usize) -> Option<Found> {
    entries(tree, width).find(|(found, _)| *found == name.as_bytes()).map(|(_, found)| found)
}

/// The names and entries of a tree, whose ids have `width` bytes; it ends where it is broken.
pub(super) fn entries(tree: &[u8], width: usize) -> impl Iterator<Item = (&[u8], Found)> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let end = space + rest.get(space..)?.iter().position(|byte| *byte == 0)?;
        let sort = match rest.get(..space)? {
            b"40000" => Sort::Directory,
            b"120000" => Sort::Link,
            b"160000" => Sort::Commit,
            _ => Sort::File,
        };
        let (name, id) = (rest.get(space + 1..end)?, rest.get(end + 1..end + 1 + width)?);
        rest = rest.get(end + 1 + width..)?;
        Some((name, Found { sort, id: hex::encode(id) }))
    })
}
