//! Finds the plain file at a path in a commit. Every other tree entry is refused.

use git2::{FileMode, Oid, Repository, Tree};

use super::bounds::REFS_KEPT;
use super::file_spec::FileSpec;

/// A plain file in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEntry {
    pub(crate) path: String,
    pub(crate) blob: Oid,
    pub(crate) mode: FileMode,
}

/// A file on the branch, with its content.
#[derive(Debug, Clone)]
pub(crate) struct PlainFile {
    pub(crate) entry: FileEntry,
    pub(crate) bytes: Vec<u8>,
}

/// A file that cannot be edited, and the reason.
#[derive(Debug)]
pub(crate) struct BadFile {
    pub(crate) path: String,
    pub(crate) why: String,
}

/// The maximum size in bytes of a file that is edited, as in [`crate::manifest`].
const MAX_FILE: usize = 10 << 20;

/// The maximum size in bytes of all files of one request. Several copies of each exist during an edit.
const MAX_FILES: usize = 12 << 20;

/// The first bytes of a Git LFS pointer (git-lfs `docs/spec.md`).
pub(super) const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Checks that a file's content can be edited as text.
pub(crate) fn check_content(content: &[u8]) -> Result<(), &'static str> {
    if content.starts_with(LFS_POINTER) {
        return Err(
            "it is a Git LFS pointer, and files kept in LFS cannot be edited; take it out of LFS (`git lfs untrack`), or name another",
        );
    }
    Ok(())
}

/// Checks that a file of `size` bytes can be edited. `sum` is the size of the request's files up to this one.
pub(crate) fn check_size(size: usize, sum: usize) -> Result<(), String> {
    let mib = |bytes: usize| bytes >> 20;
    if size > MAX_FILE {
        return Err(format!(
            "it has {size} bytes, more than the {} MiB that are edited; name a smaller one",
            mib(MAX_FILE)
        ));
    }
    if sum > MAX_FILES {
        let most = mib(MAX_FILES);
        return Err(format!(
            "the request's files up to it have more than {most} MiB together; name fewer of them"
        ));
    }
    Ok(())
}

/// The maximum number of files that one glob may match.
const MAX_MATCHES: usize = 1000;

/// The maximum number of directory entries that one glob visits. A few objects can refer to each other and make any
/// number of paths.
const MAX_LOOKED_AT: usize = 1_000_000;

/// The maximum depth of directories.
const MAX_DEPTH: usize = 100;

/// The maximum size in bytes of the directories that are open at a time, one inside another: some 300,000 entries.
const MAX_OPEN: usize = 12 << 20;

/// Reads the directory `id`, and returns it with the number of bytes that are then open. Its size is checked before
/// it is read.
pub(crate) fn directory(repo: &Repository, id: Oid, open: usize) -> Result<(Tree<'_>, usize), String> {
    let unreadable = |e: git2::Error| e.message().to_owned();
    let (size, _) = repo.odb().and_then(|odb| odb.read_header(id)).map_err(unreadable)?;
    let open = open.saturating_add(size);
    if open > MAX_OPEN {
        let most = MAX_OPEN >> 20;
        return Err(format!(
            "directories on the way to it have more than {most} MiB of entries; move the file to smaller ones"
        ));
    }
    Ok((repo.find_tree(id).map_err(unreadable)?, open))
}

/// Finds the files that `spec` matches.
pub(crate) fn select(repo: &Repository, root: &Tree<'_>, spec: &FileSpec) -> Result<Vec<FileEntry>, BadFile> {
    let path = spec.as_str();
    if spec.is_glob() {
        return glob(repo, root, spec);
    }
    find(repo, root, path).map(|entry| vec![entry]).map_err(|why| BadFile { path: path.to_owned(), why })
}

/// Finds every file that matches. A match that is not a plain file is an error, because the edit was meant for it
/// too.
fn glob(repo: &Repository, root: &Tree<'_>, spec: &FileSpec) -> Result<Vec<FileEntry>, BadFile> {
    let bad = |path: &str, why: String| BadFile { path: path.to_owned(), why };
    let mut walk = Walk { spec, found: Vec::new(), names: Vec::new(), looked_at: 0, open: 0 };
    walk.directory(repo, root, "", spec.directories())?;
    if walk.found.is_empty() {
        let near = super::names::suggest(&walk.names, spec.as_str());
        return Err(bad(spec.as_str(), format!("no file matches{near}")));
    }
    Ok(walk.found)
}

struct Walk<'a> {
    spec: &'a FileSpec,
    found: Vec<FileEntry>,
    /// Some file names that do not match, for suggestions.
    names: Vec<String>,
    looked_at: usize,
    /// Bytes of the directories that are open.
    open: usize,
}

impl Walk<'_> {
    /// Checks the limits that end the walk in the directory `above`.
    fn check(&mut self, above: &str) -> Result<(), BadFile> {
        self.looked_at += 1;
        let why = match () {
            () if self.found.len() > MAX_MATCHES => {
                format!("more than {MAX_MATCHES} files match; name fewer")
            }
            () if self.looked_at > MAX_LOOKED_AT => {
                format!(
                    "more than {MAX_LOOKED_AT} files and directories are to be looked at; begin the glob with a directory"
                )
            }
            () if above.split('/').count() > MAX_DEPTH => {
                format!("directories are more than {MAX_DEPTH} deep; begin the glob with a directory")
            }
            () => return Ok(()),
        };
        Err(BadFile { path: self.spec.as_str().to_owned(), why })
    }

    /// Walks through a directory. Where the glob begins with plain names, only these directories are entered.
    fn directory(
        &mut self,
        repo: &Repository,
        tree: &Tree<'_>,
        above: &str,
        wanted: &[String],
    ) -> Result<(), BadFile> {
        for entry in tree {
            self.check(above)?;
            // A glob cannot match a name that is not UTF-8.
            let Ok(name) = entry.name() else { continue };
            let path = format!("{above}{name}");
            let open = wanted.first().is_none_or(|first| first == name);
            match entry.filemode() {
                0o040_000 if open => {
                    let bad = |why| BadFile { path: path.clone(), why };
                    let above = self.open;
                    let (below, open) = directory(repo, entry.id(), above).map_err(bad)?;
                    self.open = open;
                    self.directory(repo, &below, &format!("{path}/"), wanted.get(1..).unwrap_or_default())?;
                    self.open = above;
                }
                0o040_000 => {}
                mode if self.spec.matches(&path) => self.found.push(plain(path, entry.id(), mode)?),
                _ if self.names.len() < REFS_KEPT => self.names.push(super::text::tidy(path.as_bytes())),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The entry at `path`, which is not a directory; fails if it is not a plain file.
fn plain(path: String, blob: Oid, mode: i32) -> Result<FileEntry, BadFile> {
    let mode = match mode {
        0o120_000 => {
            let why = "it is a symbolic link; name the file that it leads to".to_owned();
            return Err(BadFile { path, why });
        }
        0o160_000 => {
            let why = "it is a submodule; name the repository that it leads to".to_owned();
            return Err(BadFile { path, why });
        }
        0o100_755 => FileMode::BlobExecutable,
        _ => FileMode::Blob,
    };
    Ok(FileEntry { path, blob, mode })
}

/// Finds the file at `path`, which [`check_path`](super::path::check_path) must have accepted.
fn find(repo: &Repository, root: &Tree<'_>, path: &str) -> Result<FileEntry, String> {
    let mut tree = root.clone();
    let mut walked: Vec<&str> = Vec::new();
    for part in path.split('/') {
        let shown = walked.join("/");
        let Some(entry) = tree.get_name(part).map(|e| e.to_owned()) else {
            return Err(absent(&tree, &shown, part));
        };
        walked.push(part);
        let (here, last) = (walked.join("/"), walked.len() == path.split('/').count());
        match (entry.filemode(), last) {
            (0o040_000, false) => {
                (tree, _) =
                    directory(repo, entry.id(), 0).map_err(|e| format!("`{here}` is not read: {e}"))?;
            }
            (0o040_000, true) => return Err("it is a directory; name a file in it".to_owned()),
            (0o120_000, _) => {
                return Err(format!("`{here}` is a symbolic link; name the file that it leads to"));
            }
            (0o160_000, _) => {
                return Err(format!("`{here}` is a submodule; name the repository that it leads to"));
            }
            (_, false) => return Err(format!("`{here}` is a file, not a directory; correct the path")),
            (mode, true) => return plain(path.to_owned(), entry.id(), mode).map_err(|bad| bad.why),
        }
    }
    Err("the path is empty; name a file".to_owned())
}

fn absent(tree: &Tree<'_>, directory: &str, part: &str) -> String {
    let names: Vec<String> = tree
        .iter()
        .take(REFS_KEPT)
        .map(|entry| super::text::tidy(entry.name_bytes()))
        .filter(|n| !n.is_empty())
        .collect();
    let place = if directory.is_empty() { "the root directory".to_owned() } else { format!("`{directory}`") };
    format!("{place} has no `{part}`{}", super::names::suggest(&names, part))
}

#[cfg(test)]
mod tests;
