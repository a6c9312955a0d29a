//! The proof that a caller may read a commit: the commit and its root tree, served by the named server, and hashed here.
//!
//! A server's word for an id is worth nothing: one that lists somebody else's commit as its own branch, or sends a pack that only
//! looks right, would have a shared daemon hand out what it once fetched for others. An id is a hash over what it names. Who serves the
//! commit and the tree that it names has them, and who has these knows what the commit holds.

use std::collections::{BTreeMap, BTreeSet};

use super::error::GitError;
use super::fetch::Fetch;
use super::pack::{self, Kind, Object, Pack};
use super::transport::Session;

/// What is fetched of a commit, beside itself (git `rev-list-options.txt`, `--filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its root tree.
    RootTree,
    /// All of its trees, of which no more is read than the root: some servers refuse the filter above
    /// (`uploadpackfilter.tree.maxDepth`).
    Trees,
}

impl Part {
    fn filter(self) -> &'static str {
        match self {
            Self::RootTree => "tree:1",
            Self::Trees => "blob:none",
        }
    }
}

/// Tags that point to tags, before it is a circle.
const MAX_TAGS: usize = 8;

/// Bytes of a pack that are read. A server with `filter` sends the one tree; another one sends all trees first, then the files.
const MAX_READ: usize = 64 << 20;

/// Bytes that these may inflate to.
const MAX_INFLATED: u64 = 256 << 20;

/// Objects that are kept in mind, a hundred bytes each.
const MAX_OBJECTS: usize = 100_000;

/// Bytes that are kept of the commit's root tree, some 25,000 entries: which files there are in it is asked next.
const MAX_ROOT: usize = 1 << 20;

/// The tree without entries, which a server need not send: everybody has it.
const EMPTY_TREES: [&str; 2] = [
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
];

/// What a server's pack shows of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// What the id names, by way of tags or directly.
    Commit(Commit),
    /// Something else; why it is no proof.
    Not(&'static str),
}

/// A commit that was served with its root tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) tree: String,
    /// The tree's bytes, unless they are many, or came before the commit that names them.
    pub(super) root: Option<Vec<u8>>,
}

/// Fetches what `id` names, and follows it to a commit.
///
/// # Errors
/// The server refuses, or what it sends is no pack.
pub(super) async fn prove(session: &mut Session, id: &str, part: Part) -> Result<Shown, GitError> {
    let wants = [id.to_owned()];
    let fetch = Fetch { wants: &wants, depth: Some(1), filter: Some(part.filter()), ..Fetch::default() };
    let repo = session.repo.clone();
    let limits = pack::Limits { read: MAX_READ, inflated: MAX_INFLATED, of_tree: MAX_ROOT, of_blob: 0 };
    let mut pack = Pack::open(session.fetch(&fetch).await?, limits, id.len()).await?;
    let mut seen = Seen::default();
    while let Some(object) = pack.next().await? {
        if !seen.take(object) {
            let what = format!(
                "it sends more than {MAX_OBJECTS} objects for one commit; check that the URL is the right one"
            );
            return Err(GitError::Unusable { repo, what });
        }
        // What follows is of no interest: a server without `filter` sends all files.
        if let Some(sha) = seen.commit_of(id).filter(|_| seen.has_tree(id)) {
            let tree = seen.names.get(&sha).map(|(_, tree)| tree.clone()).unwrap_or_default();
            let root = seen.root.take().filter(|(id, _)| *id == tree).map(|(_, bytes)| bytes);
            return Ok(Shown::Commit(Commit { sha, tree, root }));
        }
    }
    Ok(Shown::Not(seen.why_not(id)))
}

/// The objects of a pack, as far as a proof needs them.
#[derive(Default)]
struct Seen {
    /// What commits and tags name: a commit its tree, a tag its object.
    names: BTreeMap<String, (Kind, String)>,
    trees: BTreeSet<String>,
    /// The last tree that a commit before it names, in whole.
    root: Option<(String, Vec<u8>)>,
    others: BTreeSet<String>,
    deltas: usize,
}

impl Seen {
    /// Whether there is room for it.
    fn take(&mut self, object: Object) -> bool {
        match object {
            Object::Delta => self.deltas += 1,
            Object::Whole { kind: Kind::Tree, id, head, size } => {
                let is_root = self.names.values().any(|(kind, tree)| *kind == Kind::Commit && *tree == id);
                if is_root && u64::try_from(head.len()) == Ok(size) {
                    self.root = Some((id.clone(), head));
                }
                self.trees.insert(id);
            }
            Object::Whole { kind: Kind::Blob, id, .. } => drop(self.others.insert(id)),
            Object::Whole { kind, id, head, .. } => {
                if let Some(named) = named(kind, &head, id.len()) {
                    self.names.insert(id, (kind, named));
                }
            }
        }
        self.names.len() + self.trees.len() + self.others.len() + self.deltas <= MAX_OBJECTS
    }

    /// The commit behind `id`, if all between are there.
    fn commit_of(&self, id: &str) -> Option<String> {
        let mut id = id;
        for _ in 0..=MAX_TAGS {
            match self.names.get(id)? {
                (Kind::Tag, object) => id = object,
                _ => return Some(id.to_owned()),
            }
        }
        None
    }

    fn has_tree(&self, id: &str) -> bool {
        let commit = self.commit_of(id);
        let named = commit.and_then(|commit| self.names.get(&commit));
        named.is_some_and(|(_, tree)| self.trees.contains(tree) || EMPTY_TREES.contains(&&**tree))
    }

    fn why_not(&self, id: &str) -> &'static str {
        match () {
            () if self.trees.contains(id) || self.others.contains(id) => {
                "this object is not a commit; give the commit's SHA"
            }
            () if self.commit_of(id).is_some() && self.deltas > 0 => {
                "the server sends the commit's tree as a difference, so that it cannot be checked; turn on partial clone \
                 there (`uploadpack.allowFilter`)"
            }
            () if self.commit_of(id).is_some() => {
                "the server sends this commit without its files, so it does not show that it has it; update that server's Git"
            }
            () => {
                "the server does not send this commit, but something else; it is not known to have it; check the SHA, and that it was pushed there"
            }
        }
    }
}

/// The id in the first line of a commit (`tree ID`) or of a tag (`object ID`).
fn named(kind: Kind, head: &[u8], digits: usize) -> Option<String> {
    let word: &[u8] = if kind == Kind::Commit { b"tree " } else { b"object " };
    let id = head.strip_prefix(word)?.get(..digits)?;
    let id = std::str::from_utf8(id).ok()?;
    super::advert::is_oid(id).then(|| id.to_owned())
}
