//! Resolves a path in a commit.

use bytes::Bytes;

use super::Snapshot;
use crate::git::error::GitError;

/// The maximum number of symbolic links in one path; more are taken for a cycle.
const MAX_LINKS: usize = 16;
/// The maximum size in bytes of a symbolic link's target (Linux `PATH_MAX`).
const MAX_TARGET: usize = 4096;
/// The maximum number of names in one path, including the names in its links. Each costs a search through a directory, and a
/// path such as `a/../a/..` can have any number of them.
const MAX_NAMES: usize = 256;

/// The type of a tree entry (git `object.h`, `tree-walk.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryType {
    Directory,
    File,
    Link,
    /// A commit of another repository: a submodule.
    Commit,
}

/// The entry that a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathEntry {
    pub(crate) entry_type: EntryType,
    pub(crate) id: String,
}

impl Snapshot {
    /// Finds the entry at `path` below the directory `base`. Symbolic links are followed if `links` is set, and
    /// cannot leave `base`, as in a build (buildkit `cache/util/fsutil.go`).
    pub(crate) async fn find(
        &mut self,
        base: &str,
        path: &str,
        links: bool,
    ) -> Result<Option<PathEntry>, GitError> {
        let root = PathEntry { entry_type: EntryType::Directory, id: self.root.clone() };
        let Some(base) = self.walk(root, base, false).await? else { return Ok(None) };
        if base.entry_type != EntryType::Directory {
            return Ok(None);
        }
        self.walk(base, path, links).await
    }

    /// The first part of the directory `path` that is a symbolic link.
    pub(crate) async fn link_in(&mut self, path: &str) -> Result<Option<String>, GitError> {
        let mut here = PathEntry { entry_type: EntryType::Directory, id: self.root.clone() };
        let mut walked = Vec::new();
        for name in path.split('/').take(MAX_NAMES) {
            if here.entry_type != EntryType::Directory {
                break;
            }
            let tree = self.object(&here.id).await?;
            let Some(found) = entry(&tree, name, here.id.len() / 2) else { return Ok(None) };
            walked.push(name);
            here = found;
        }
        Ok((here.entry_type == EntryType::Link).then(|| walked.join("/")))
    }

    async fn walk(
        &mut self,
        base: PathEntry,
        path: &str,
        links: bool,
    ) -> Result<Option<PathEntry>, GitError> {
        let mut above = vec![base];
        let mut names: Vec<String> = names(path).collect();
        let (mut followed, mut seen) = (0, 0);
        while let Some(name) = names.pop() {
            seen += 1;
            if seen > MAX_NAMES {
                return Err(self.unusable(&format!(
                    "a path in it leads through more than {MAX_NAMES} names; shorten its links"
                )));
            }
            // A search in a large directory takes a millisecond.
            tokio::task::yield_now().await;
            if name == ".." {
                above.truncate((above.len() - 1).max(1));
                continue;
            }
            let Some(here) = above.last().filter(|found| found.entry_type == EntryType::Directory) else {
                return Ok(None);
            };
            let tree = self.object(&here.id.clone()).await?;
            let Some(found) = entry(&tree, &name, here.id.len() / 2) else { return Ok(None) };
            if found.entry_type != EntryType::Link || !links {
                above.push(found);
                continue;
            }
            followed += 1;
            let target = self.object(&found.id).await?;
            let is_path = followed <= MAX_LINKS && target.len() <= MAX_TARGET;
            let Some(target) = std::str::from_utf8(&target).ok().filter(|_| is_path) else {
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

/// The names of a path, the last one first.
fn names(path: &str) -> impl Iterator<Item = String> {
    path.rsplit('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned)
}

/// Finds the entry `name` in a tree. An entry is `MODE NAME\0ID`, with the id in binary (git
/// `Documentation/gitformat-tree`, `tree-walk.c`).
fn entry(tree: &Bytes, name: &str, width: usize) -> Option<PathEntry> {
    entries(tree, width).find(|(found, _)| *found == name.as_bytes()).map(|(_, found)| found)
}

/// The type that Git reads from a mode: octal digits, which old or hostile trees begin with zeros (git `tree-walk.c`,
/// `cache.h`: `canon_mode`).
fn entry_type(mode: &[u8]) -> Option<EntryType> {
    let mode = u32::from_str_radix(std::str::from_utf8(mode).ok()?, 8).ok()?;
    Some(match mode & 0o170_000 {
        0o040_000 => EntryType::Directory,
        0o100_000 => EntryType::File,
        0o120_000 => EntryType::Link,
        _ => EntryType::Commit,
    })
}

/// The names and entries of a tree whose ids have `width` bytes. The iterator ends at the first malformed entry.
pub(super) fn entries(tree: &[u8], width: usize) -> impl Iterator<Item = (&[u8], PathEntry)> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let end = space + rest.get(space..)?.iter().position(|byte| *byte == 0)?;
        let entry_type = entry_type(rest.get(..space)?)?;
        let (name, id) = (rest.get(space + 1..end)?, rest.get(end + 1..end + 1 + width)?);
        rest = rest.get(end + 1 + width..)?;
        Some((name, PathEntry { entry_type, id: hex::encode(id) }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_as_git_reads_it() {
        let rows = [
            ("40000", Some(EntryType::Directory)),
            ("040000", Some(EntryType::Directory)),
            ("100644", Some(EntryType::File)),
            ("100755", Some(EntryType::File)),
            ("100664", Some(EntryType::File)),
            ("0100644", Some(EntryType::File)),
            ("120000", Some(EntryType::Link)),
            ("0120000", Some(EntryType::Link)),
            ("160000", Some(EntryType::Commit)),
            ("644", Some(EntryType::Commit)),
            ("", None),
            ("9", None),
        ];
        for (mode, entry_type) in rows {
            assert_eq!(super::entry_type(mode.as_bytes()), entry_type, "{mode}");
        }
    }
}
