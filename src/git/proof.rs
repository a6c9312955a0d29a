//! The proof that a caller may read a commit: the named server serves the commit and its root tree, and both are
//! hashed here.
//!
//! A server's claim about an id proves nothing. A server could list somebody else's commit as its own branch, or send
//! a pack that only looks right, and the shared daemon would then hand out what it once fetched for others. An id is
//! the hash of the object's content. So a server that sends the commit and its root tree has both, and whoever has
//! both knows what the commit contains.

use std::collections::{BTreeMap, BTreeSet};

use super::error::GitError;
use super::fetch::Fetch;
use super::kept_ref::Tag;
use super::pack::{self, ObjectType, Pack, PackObject};
use super::transport::GitSession;

/// The trees that are fetched with the commit (git `rev-list-options.txt`, `--filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofTrees {
    /// The root tree only.
    RootTree,
    /// All trees, of which only the root is read. Some servers refuse the filter of `RootTree`
    /// (`uploadpackfilter.tree.maxDepth`).
    AllTrees,
}

impl ProofTrees {
    fn filter(self) -> &'static str {
        match self {
            Self::RootTree => "tree:1",
            Self::AllTrees => "blob:none",
        }
    }
}

/// The longest chain of tags that point to tags; a longer one is taken for a cycle.
const MAX_TAGS: usize = 8;

/// The maximum size of the pack in bytes. A server with `filter` sends one tree; another sends all trees first, then
/// the files.
const MAX_READ: usize = 64 << 20;

/// The maximum inflated size of the pack in bytes.
const MAX_INFLATED: u64 = 256 << 20;

/// The maximum number of objects that are remembered, a hundred bytes each.
const MAX_OBJECTS: usize = 100_000;

/// The maximum size in bytes of a root tree that is kept (some 25,000 entries). It is kept because the next step
/// looks up files in it.
const MAX_ROOT: usize = 1 << 20;

/// The ids of the empty tree. A server need not send it, because every client knows it.
const EMPTY_TREES: [&str; 2] = [
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
];

/// What a server's pack proves about an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProofResult {
    /// The commit that the id names, directly or through tags.
    Commit(Commit),
    /// The id is not proven to be a commit, with the reason.
    NotProven(&'static str),
}

/// A commit that the server sent with its root tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) tree: String,
    /// The tree's bytes; `None` if it is too large or arrived before the commit that names it.
    pub(super) root: Option<Vec<u8>>,
    /// The tag objects from the requested id to the commit; `None` if one is too large.
    pub(super) tags: Option<Vec<Tag>>,
    /// When the commit was made, in seconds since 1970; `None` if its header does not say so in its first bytes.
    pub(super) time: Option<u32>,
}

/// Fetches the object `id` and follows it to a commit.
///
/// # Errors
/// The server refuses, or its answer is not a pack.
pub(super) async fn prove(
    session: &mut GitSession,
    id: &str,
    trees: ProofTrees,
) -> Result<ProofResult, GitError> {
    let wants = [id.to_owned()];
    let fetch = Fetch { wants: &wants, depth: Some(1), filter: Some(trees.filter()), ..Fetch::default() };
    let repo = session.repo.clone();
    let limits = pack::Limits { read: MAX_READ, inflated: MAX_INFLATED, of_tree: MAX_ROOT, of_blob: 0 };
    let mut pack = Pack::open(session.fetch(&fetch).await?, limits, id.len()).await?;
    let mut contents = PackContents::default();
    while let Some(object) = pack.next().await? {
        if !contents.take(object) {
            let what = format!(
                "it sends more than {MAX_OBJECTS} objects for one commit; check that the URL is the right one"
            );
            return Err(GitError::Unusable { repo, what });
        }
        // The rest of the pack is not needed: a server without `filter` sends all files.
        if let Some(sha) = contents.commit_of(id).filter(|_| contents.has_tree(id)) {
            let tree = contents.names.get(&sha).map(|(_, tree)| tree.clone()).unwrap_or_default();
            let root = contents.root.take().filter(|(id, _)| *id == tree).map(|(_, bytes)| bytes);
            let (tags, time) = (contents.take_tags(id), contents.times.get(&sha).copied());
            return Ok(ProofResult::Commit(Commit { sha, tree, root, tags, time }));
        }
    }
    Ok(ProofResult::NotProven(contents.why_not(id)))
}

/// The objects of a pack that a proof needs.
#[derive(Default)]
struct PackContents {
    /// The tree of each commit, and the object of each tag.
    names: BTreeMap<String, (ObjectType, String)>,
    /// The time of each commit.
    times: BTreeMap<String, u32>,
    trees: BTreeSet<String>,
    /// The id and bytes of the last complete tree that an earlier commit of the pack names.
    root: Option<(String, Vec<u8>)>,
    others: BTreeSet<String>,
    /// The bytes of the first few tags.
    tags: BTreeMap<String, Vec<u8>>,
    deltas: usize,
}

impl PackContents {
    /// Records an object; returns false if there are too many.
    fn take(&mut self, object: PackObject) -> bool {
        match object {
            PackObject::Delta => self.deltas += 1,
            PackObject::Whole { kind: ObjectType::Tree, id, head, size } => {
                let is_root =
                    self.names.values().any(|(kind, tree)| *kind == ObjectType::Commit && *tree == id);
                if is_root && u64::try_from(head.len()) == Ok(size) {
                    self.root = Some((id.clone(), head));
                }
                self.trees.insert(id);
            }
            PackObject::Whole { kind: ObjectType::Blob, id, .. } => drop(self.others.insert(id)),
            PackObject::Whole { kind, id, head, size } => {
                if let Some(time) = time(&head).filter(|_| kind == ObjectType::Commit) {
                    self.times.insert(id.clone(), time);
                }
                if let Some(named) = named(kind, &head, id.len()) {
                    self.names.insert(id.clone(), (kind, named));
                }
                let is_whole = u64::try_from(head.len()) == Ok(size);
                if kind == ObjectType::Tag && is_whole && self.tags.len() <= MAX_TAGS {
                    self.tags.insert(id, head);
                }
            }
        }
        self.names.len() + self.trees.len() + self.others.len() + self.deltas <= MAX_OBJECTS
    }

    /// The commit that `id` leads to, if all tags on the way are known.
    fn commit_of(&self, id: &str) -> Option<String> {
        let mut id = id;
        for _ in 0..=MAX_TAGS {
            match self.names.get(id)? {
                (ObjectType::Tag, object) => id = object,
                _ => return Some(id.to_owned()),
            }
        }
        None
    }

    /// The tags between `id` and its commit.
    fn take_tags(&mut self, id: &str) -> Option<Vec<Tag>> {
        let mut tags = Vec::new();
        let mut id = id.to_owned();
        while let Some((ObjectType::Tag, object)) = self.names.get(&id) {
            let bytes = self.tags.remove(&id)?;
            tags.push(Tag { id, bytes });
            id = object.clone();
        }
        Some(tags)
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
fn named(kind: ObjectType, head: &[u8], digits: usize) -> Option<String> {
    let word: &[u8] = if kind == ObjectType::Commit { b"tree " } else { b"object " };
    let id = head.strip_prefix(word)?.get(..digits)?;
    let id = std::str::from_utf8(id).ok()?;
    super::advert::is_oid(id).then(|| id.to_owned())
}

/// The time of a commit: the second word from the end of its `committer` line (git `gitformat-commit`: seconds, time zone).
fn time(head: &[u8]) -> Option<u32> {
    let header = head.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let line = header.filter_map(|line| line.strip_prefix(b"committer ")).next()?;
    // A name may have any bytes but `<`, `>` and line breaks.
    let (_, times) = std::str::from_utf8(line.rsplit(|byte| *byte == b'>').next()?).ok()?.split_once(' ')?;
    times.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_says_when_it_was_made() {
        let commit = |lines: &str| format!("tree 0123\nparent 4567\nauthor A <a@b> 1 +0000\n{lines}");
        for (lines, expected) in [
            ("committer A B <a@b> 1700000000 +0100\n\ncommitter x <y> 7 +0000\n", Some(1_700_000_000)),
            ("committer  <> 5 -0000\nencoding x\n\n", Some(5)),
            ("committer A <a@b> -5 +0000\n\n", None),
            ("committer A <a@b> 99999999999 +0000\n\n", None),
            ("\ncommitter A <a@b> 5 +0000\n", None),
            ("committer A <a@b>", None),
        ] {
            assert_eq!(time(commit(lines).as_bytes()), expected, "{lines}");
        }
    }
}
