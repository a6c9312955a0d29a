//! From a path that a user gave to a plain file in a commit; everything else in a tree is refused.

use git2::{FileMode, Oid, Repository, Tree};

/// A plain file in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) blob: Oid,
    pub(super) mode: FileMode,
}

/// Bytes of a file that is edited at most.
const MAX_FILE: usize = 16 << 20;

/// Whether a path can be a file's in a repository, or why not.
pub(super) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("the path is empty");
    }
    if path.starts_with('/') {
        return Err("give the path from the repository's root, without a leading `/`");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err("the path contains a control character or a backslash");
    }
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
    if path.split('/').any(odd) {
        return Err("the path must not contain `.`, `..`, `.git` or an empty part");
    }
    Ok(())
}

/// Whether a file's content can be edited as text of its own.
pub(super) fn check_content(content: &[u8]) -> Result<(), &'static str> {
    if content.starts_with(b"version https://git-lfs.github.com/spec/") {
        return Err("it is a Git LFS pointer; files kept in LFS cannot be edited");
    }
    if content.len() > MAX_FILE {
        return Err("it is larger than 16 MiB");
    }
    Ok(())
}

/// Finds the file at `path`, which [`check_path`] let through.
pub(super) fn find(repo: &Repository, root: &Tree<'_>, path: &str) -> Result<Entry, String> {
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
                tree = repo.find_tree(entry.id()).map_err(|e| format!("`{here}` is unreadable: {e}"))?;
            }
            (0o040_000, true) => return Err("it is a directory; name a file in it".to_owned()),
            (0o120_000, _) => {
                return Err(format!("`{here}` is a symbolic link; name the file that it leads to"));
            }
            (0o160_000, _) => {
                return Err(format!("`{here}` is a submodule; name the repository that it leads to"));
            }
            (_, false) => return Err(format!("`{here}` is a file, not a directory")),
            (mode, true) => {
                let mode = if mode == 0o100_755 { FileMode::BlobExecutable } else { FileMode::Blob };
                return Ok(Entry { path: path.to_owned(), blob: entry.id(), mode });
            }
        }
    }
    Err("the path is empty".to_owned())
}

fn absent(tree: &Tree<'_>, directory: &str, part: &str) -> String {
    let names: Vec<String> =
        tree.iter().map(|entry| super::text::tidy(entry.name_bytes())).filter(|n| !n.is_empty()).collect();
    let place = if directory.is_empty() { "the root directory".to_owned() } else { format!("`{directory}`") };
    format!("{place} has no `{part}`{}", super::names::suggest(&names, part))
}

#[cfg(test)]
mod tests {
    use super::check_path;

    #[test]
    fn paths() {
        for good in ["values.yaml", "a/b/c.yaml", "a b/ü.yaml", ".github/x", "a..b"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            ".git/config",
            "a/.GIT/x",
            "a\nb",
            "a\\b",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }
}
