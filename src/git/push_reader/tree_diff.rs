//! The paths that differ between two commits, within limits.

use std::time::{Duration, Instant};

use git2::{Oid, Repository, Tree, TreeEntry};

use crate::git::error::GitError;
use crate::git::tree::directory;

/// The most paths that are listed.
const MAX_FILES: usize = 50_000;
/// The most bytes of all listed paths.
const MAX_BYTES: usize = 8 << 20;
/// The most entries that are visited. A few trees can refer to each other and make any number of paths.
const MAX_VISITED: usize = 1_000_000;
/// The most directories inside one another.
const MAX_DEPTH: usize = 100;
/// The longest path in bytes (Linux `PATH_MAX`).
const MAX_PATH: usize = 4096;
/// The time limit. Nothing can stop the thread from outside.
const MAX_TIME: Duration = Duration::from_secs(5);

/// A directory's mode in a tree.
const DIRECTORY: i32 = 0o040_000;

/// A comparison of two trees.
pub(super) struct TreeDiff<'a> {
    repo: &'a Repository,
    found: Vec<Vec<u8>>,
    bytes: usize,
    visited: usize,
    end: Instant,
}

/// Why a comparison ended early.
enum Stop {
    /// A limit was exceeded.
    TooMuch,
    /// A tree was not sent, or is damaged.
    Unreadable(git2::Error),
}

fn unread(error: git2::Error) -> GitError {
    GitError::local("compare the fetched commits", error)
}

/// The tree of a commit.
fn tree_of(repo: &Repository, commit: Oid) -> Result<Oid, GitError> {
    repo.find_commit(commit).map(|commit| commit.tree_id()).map_err(unread)
}

impl<'a> TreeDiff<'a> {
    /// The paths that differ, sorted; `None` if a limit was exceeded.
    pub(super) fn of_commits(
        repo: &'a Repository,
        before: Oid,
        after: Oid,
    ) -> Result<Option<Vec<Vec<u8>>>, GitError> {
        let before = tree_of(repo, before)?;
        Self::between(repo, Some(before), tree_of(repo, after)?)
    }

    /// All paths of a commit, sorted; `None` if a limit was exceeded.
    pub(super) fn all(repo: &'a Repository, commit: Oid) -> Result<Option<Vec<Vec<u8>>>, GitError> {
        Self::between(repo, None, tree_of(repo, commit)?)
    }

    fn between(
        repo: &'a Repository,
        before: Option<Oid>,
        after: Oid,
    ) -> Result<Option<Vec<Vec<u8>>>, GitError> {
        let end = Instant::now() + MAX_TIME;
        let mut diff = Self { repo, found: Vec::new(), bytes: 0, visited: 0, end };
        match diff.directories(before, Some(after), b"", (0, 0)) {
            Ok(()) => {
                // A file that became a directory, or the reverse, is met out of order.
                diff.found.sort_unstable();
                Ok(Some(diff.found))
            }
            Err(Stop::TooMuch) => Ok(None),
            Err(Stop::Unreadable(error)) => Err(unread(error)),
        }
    }

    /// Compares two directories. `at` is the depth, and the bytes of the directories that are open.
    fn directories(
        &mut self,
        old: Option<Oid>,
        new: Option<Oid>,
        above: &[u8],
        (depth, open): (usize, usize),
    ) -> Result<(), Stop> {
        if old == new {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(Stop::TooMuch);
        }
        let (old, open) = self.read(old, open)?;
        let (new, open) = self.read(new, open)?;
        let below = (depth + 1, open);
        for entry in old.iter().flat_map(Tree::iter) {
            let other = new.as_ref().and_then(|new| new.get_name_bytes(entry.name_bytes()));
            self.entries(Some(&entry), other.as_ref(), above, below)?;
        }
        for entry in new.iter().flat_map(Tree::iter) {
            if old.as_ref().is_none_or(|old| old.get_name_bytes(entry.name_bytes()).is_none()) {
                self.entries(None, Some(&entry), above, below)?;
            }
        }
        Ok(())
    }

    fn read(&self, id: Option<Oid>, open: usize) -> Result<(Option<Tree<'a>>, usize), Stop> {
        let Some(id) = id else { return Ok((None, open)) };
        // Only this error of the two is about the size.
        match directory(self.repo, id, open) {
            Ok((tree, open)) => Ok((Some(tree), open)),
            Err(_) => match self.repo.find_tree(id) {
                Ok(_) => Err(Stop::TooMuch),
                Err(error) => Err(Stop::Unreadable(error)),
            },
        }
    }

    /// Compares what two directories have under one name.
    fn entries(
        &mut self,
        old: Option<&TreeEntry<'_>>,
        new: Option<&TreeEntry<'_>>,
        above: &[u8],
        below: (usize, usize),
    ) -> Result<(), Stop> {
        self.visited += 1;
        if self.visited > MAX_VISITED || Instant::now() > self.end {
            return Err(Stop::TooMuch);
        }
        let what = |entry: Option<&TreeEntry<'_>>| entry.map(|entry| (entry.filemode(), entry.id()));
        let (is, was) = (what(new), what(old));
        let Some(entry) = old.or(new).filter(|_| is != was) else { return Ok(()) };
        let path = [above, entry.name_bytes()].concat();
        let tree = |entry: Option<(i32, Oid)>| entry.filter(|(mode, _)| *mode == DIRECTORY).map(|(_, id)| id);
        let (old_tree, new_tree) = (tree(was), tree(is));
        if old_tree.is_some() || new_tree.is_some() {
            self.directories(old_tree, new_tree, &[&path, &b"/"[..]].concat(), below)?;
        }
        let is_file = |entry: Option<(i32, Oid)>, tree: Option<Oid>| entry.is_some() && tree.is_none();
        if is_file(was, old_tree) || is_file(is, new_tree) { self.add(path) } else { Ok(()) }
    }

    fn add(&mut self, path: Vec<u8>) -> Result<(), Stop> {
        self.bytes += path.len();
        if path.len() > MAX_PATH || self.bytes > MAX_BYTES || self.found.len() == MAX_FILES {
            return Err(Stop::TooMuch);
        }
        self.found.push(path);
        Ok(())
    }
}
