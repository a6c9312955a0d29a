//! Reads single files of a proven commit without a clone.
//!
//! What is read is found from the proven root tree down, by ids that are hashed here, so whoever may read the commit may read it.
//! Small objects are kept for the next commit that its tenant reads.

mod fetch;
mod object_cache;
mod path;
mod pointers;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::GitError;
use super::kept_ref::KeptRef;
use super::proof::Commit;
use super::resolve::Proven;
use super::store::Store;
use super::{Credentials, Git, RepoUrl};
pub(super) use object_cache::ObjectCache;
pub(crate) use path::{EntryType, PathEntry};
pub(crate) use pointers::Pointers;

/// The maximum size of the objects that are held for one commit, in bytes. Dropped objects are read again when needed.
const MAX_HELD: usize = 8 << 20;
/// The maximum size of those that are held between uses of the snapshot, in bytes.
const MAX_IDLE: usize = 256 << 10;

/// A commit that the caller may read, and what was read of it.
pub(crate) struct Snapshot {
    git: Git,
    repo: RepoUrl,
    credentials: Credentials,
    pub(crate) sha: String,
    /// The ref that the revision named; `None` if the revision was a SHA, or names a tag that is too large.
    pub(crate) reference: Option<KeptRef>,
    /// When the commit was made, in seconds since 1970, if its header says so.
    pub(crate) time: Option<u32>,
    root: String,
    read: BTreeMap<String, Bytes>,
    /// All trees of the commit; `None` until they are needed.
    store: Option<Store>,
}

impl Snapshot {
    pub(super) fn new(git: &Git, repo: &RepoUrl, credentials: &Credentials, proven: Proven) -> Self {
        let Proven { commit: Commit { sha, tree, root, tags, time }, reference } = proven;
        let reference = reference.zip(tags).and_then(|(name, tags)| KeptRef::new(&name, &sha, tags));
        let read = root.map(|root| (tree.clone(), Bytes::from(root))).into_iter().collect();
        let (git, repo, credentials) = (git.clone(), repo.clone(), credentials.clone());
        Self { git, repo, credentials, sha, reference, time, root: tree, read, store: None }
    }

    /// The repository's address, as it was requested.
    pub(crate) fn repo(&self) -> &RepoUrl {
        &self.repo
    }

    /// Reads the bytes of `file`.
    ///
    /// # Errors
    /// The server fails, or the file is larger than 1 MiB.
    pub(crate) async fn file(&mut self, file: &PathEntry) -> Result<Bytes, GitError> {
        self.object(&file.id).await
    }

    /// Reads the files `names` that exist in the directory `base`, in one request, so that later reads of each need
    /// no request. Files that are too large are skipped.
    pub(crate) async fn prefetch(&mut self, base: &str, names: &[&str]) -> Result<(), GitError> {
        let mut ids = Vec::new();
        for name in names {
            let found = self.find(base, name, false).await?;
            ids.extend(found.filter(|found| found.entry_type == EntryType::File).map(|found| found.id));
        }
        match self.have(&ids).await {
            Err(GitError::Unusable { .. }) => Ok(()),
            read => read,
        }
    }

    /// Drops large objects. Many snapshots are held while a build is prepared.
    pub(crate) fn shrink(&mut self) {
        self.store = None;
        self.read.retain(|_, bytes| bytes.len() <= object_cache::MAX_OBJECT);
        self.hold_at_most(MAX_IDLE);
    }

    /// The size in bytes of the objects that are held.
    pub(crate) fn held(&self) -> usize {
        self.read.values().map(Bytes::len).sum()
    }

    /// Drops all objects.
    pub(crate) fn clear(&mut self) {
        self.store = None;
        self.read.clear();
    }

    /// Drops all objects if they have more than `most` bytes. A commit may name a thousand submodules, each in a directory of
    /// its own.
    fn hold_at_most(&mut self, most: usize) {
        if self.held() > most {
            self.read.clear();
        }
    }

    /// The bytes of an object that a tree of this commit names.
    async fn object(&mut self, id: &str) -> Result<Bytes, GitError> {
        self.have(std::slice::from_ref(&id.to_owned())).await?;
        self.read.get(id).cloned().ok_or_else(|| {
            self.unusable(&format!("it does not send the object {id}; look at the server's log"))
        })
    }

    /// Fetches the objects that are not cached, in one request.
    async fn have(&mut self, ids: &[String]) -> Result<(), GitError> {
        self.hold_at_most(MAX_HELD);
        for id in ids {
            if let Some(bytes) = self.git.objects.get(id) {
                self.read.insert(id.clone(), bytes);
            }
        }
        let missing: Vec<_> = ids.iter().filter(|id| !self.read.contains_key(*id)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        for (id, bytes) in Box::pin(self.fetch(missing)).await? {
            self.git.objects.put(&id, &bytes);
            self.read.insert(id, bytes);
        }
        Ok(())
    }

    fn unusable(&self, what: &str) -> GitError {
        GitError::Unusable { repo: self.repo.to_string(), what: what.to_owned() }
    }
}
