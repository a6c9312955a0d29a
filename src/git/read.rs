//! Reads a branch's tip and files, and transfers as few bytes as the server allows.

mod files;
mod history;

use std::collections::BTreeMap;

use git2::Oid;

use super::advert::Ref;
use super::branch::full_name;
use super::error::GitError;
use super::fetch::Fetch;
use super::resolve::near;
use super::service::Service;
use super::store::{MAX_FILTERED, MAX_PACK, Store};
use super::transport::GitSession;
use super::{Credentials, Git, RepoUrl, retried};
pub(crate) use history::HistoryDepth;

/// The branches that a [`BranchReader`] reads.
#[derive(Debug, Clone)]
pub(crate) struct Branches {
    pub(crate) repo: RepoUrl,
    /// A login with the right to read the repository.
    pub(crate) credentials: Credentials,
    /// The branch whose files are read.
    pub(crate) base: String,
    /// A branch that is based on `base`, such as a pull request's. It need not exist.
    pub(crate) head: Option<String>,
}

impl Branches {
    /// The full ref names of the branches.
    pub(crate) fn names(&self) -> Vec<String> {
        [Some(&self.base), self.head.as_ref()].into_iter().flatten().map(|name| full_name(name)).collect()
    }
}

/// Reads branches into a store, and reuses what it has already read.
pub(crate) struct BranchReader {
    git: Git,
    branches: Branches,
    store: Store,
    session: Option<GitSession>,
    /// Whether the server's first message is assumed to be the usual one. Becomes false once that assumption fails.
    skips_advert: bool,
    /// Whether `session` was opened with that assumption.
    assumed: bool,
    /// Whether single files are fetched. Becomes false once the server refuses to serve them.
    fetches_single_files: bool,
    /// The last commit whose trees were fetched.
    last: Option<String>,
    /// The commits whose history was fetched, and its depth.
    histories: BTreeMap<String, u32>,
}

/// The commits that the branches point to on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchTips {
    /// The tip of the branch that is read.
    pub(crate) base: String,
    /// The tip of the branch that is written, if that is another branch and exists.
    pub(crate) head: Option<String>,
}

impl BranchTips {
    /// Finds the tips in a list of refs. Returns `None` if the base branch is not in the list.
    pub(super) fn of(branches: &Branches, refs: &[Ref]) -> Option<Self> {
        let tip = |name: &str| refs.iter().find(|r| r.name == full_name(name)).map(|r| r.oid.clone());
        Some(Self { base: tip(&branches.base)?, head: branches.head.as_deref().and_then(tip) })
    }

    /// Whether the ids are SHA-1. Commits can be made only in such a repository.
    pub(super) fn are_sha1(&self) -> bool {
        self.base.len() == 40
    }
}

impl BranchReader {
    pub(crate) async fn new(git: &Git, branches: Branches) -> Result<Self, GitError> {
        let store = Store::create(git).await?;
        let (git, histories) = (git.clone(), BTreeMap::new());
        let (session, skips_advert, assumed, fetches_single_files, last) = (None, true, false, true, None);
        Ok(Self {
            git,
            branches,
            store,
            session,
            skips_advert,
            assumed,
            fetches_single_files,
            last,
            histories,
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Whether nothing has been fetched yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Switches to `branches`, which must be of the same repository and login. Returns whether their names differ from
    /// the current ones.
    pub(crate) fn set_branches(&mut self, branches: &Branches) -> bool {
        let others = self.branches.names() != branches.names();
        self.branches.clone_from(branches);
        others
    }

    /// The branches that are read.
    pub(crate) fn branches(&self) -> &Branches {
        &self.branches
    }

    /// Drops the connection after an error.
    pub(crate) fn reset(&mut self) {
        self.session = None;
    }

    /// Drops a connection to a program that does not see refs change after its start.
    pub(crate) fn drop_stateful_session(&mut self) {
        if self.session.as_ref().is_some_and(|session| !session.is_stateless()) {
            self.reset();
        }
    }

    /// Records that the branch moved from the commit `from` to `to`. `to` was made in this store, so nothing has to
    /// be fetched for it.
    pub(crate) fn moved(&mut self, from: &str, to: &str) {
        if self.last.as_deref() == Some(from) {
            self.last = Some(to.to_owned());
        }
        if let Some(depth) = self.histories.get(from).copied() {
            self.histories.insert(to.to_owned(), depth);
        }
    }

    /// A session for one request. In protocol v0 a connection serves its list of refs and one request.
    async fn session(&mut self) -> Result<&mut GitSession, GitError> {
        if self.session.as_ref().is_none_or(|s| !s.advert.v2) {
            self.session = Some(self.begin().await?);
        }
        self.session.as_mut().ok_or_else(|| GitError::local("talk to the server", "no session"))
    }

    async fn begin(&mut self) -> Result<GitSession, GitError> {
        let Branches { repo, credentials, .. } = &self.branches;
        let session = if self.skips_advert {
            GitSession::open_without_advert(&self.git, repo, credentials)?
        } else {
            None
        };
        self.assumed = session.is_some();
        if let Some(session) = session {
            return Ok(session);
        }
        let names = self.branches.names();
        let wanted: Vec<_> = names.iter().map(String::as_str).collect();
        retried(|| GitSession::open(&self.git, repo, credentials, Service::UploadPack, &wanted)).await
    }

    /// Whether a failed request is worth repeating after reading the server's own first message. A refused login is
    /// not tried twice, because servers count failed logins.
    fn is_worth_reading_the_advert(&mut self, error: &GitError) -> bool {
        let told = matches!(
            error,
            GitError::Login { .. }
                | GitError::Flood { .. }
                | GitError::Revision { .. }
                | GitError::Empty { .. }
        );
        if !self.assumed || told {
            return false;
        }
        tracing::debug!(%error, "asking {} for its capabilities first", self.branches.repo);
        self.skips_advert = false;
        self.reset();
        true
    }

    /// The current tips of the branches on the server.
    pub(crate) async fn tips(&mut self) -> Result<BranchTips, GitError> {
        match self.list_tips().await {
            Err(error) if self.is_worth_reading_the_advert(&error) => self.list_tips().await,
            ended => ended,
        }
    }

    async fn list_tips(&mut self) -> Result<BranchTips, GitError> {
        self.drop_stateful_session();
        let names = self.branches.names();
        let prefixes: Vec<_> = names.iter().map(String::as_str).collect();
        let refs = self.session().await?.refs(&prefixes).await?;
        let Some(tips) = BranchTips::of(&self.branches, &refs) else { return Err(self.no_branch().await?) };
        if !tips.are_sha1() {
            let what = "it is a SHA-256 repository, and only SHA-1 repositories can be committed to; name one of those".to_owned();
            return Err(GitError::Unusable { repo: self.branches.repo.to_string(), what });
        }
        Ok(tips)
    }

    async fn no_branch(&mut self) -> Result<GitError, GitError> {
        let repo = self.branches.repo.to_string();
        let branch = self.branches.base.clone();
        let refs = self.session().await?.refs_below(&["refs/heads/"]).await?;
        if refs.is_empty() {
            return Ok(GitError::Empty { repo });
        }
        let why = format!("there is no such branch{}", near(&refs, &branch));
        Ok(GitError::Revision { repo, revision: branch, why })
    }

    /// Fetches the commit `tip` and its trees.
    pub(crate) async fn checkout(&mut self, tip: &str) -> Result<(), GitError> {
        if self.last.as_deref() == Some(tip) {
            return Ok(());
        }
        match self.fetch_trees(tip).await {
            Err(error) if self.is_worth_reading_the_advert(&error) => self.fetch_trees(tip).await,
            ended => ended,
        }
    }

    async fn fetch_trees(&mut self, tip: &str) -> Result<(), GitError> {
        let fetches_single_files =
            self.fetches_single_files && self.session().await?.advert.can_fetch_by_id();
        let (store, last) = (self.store.clone(), self.last.take());
        let wants = [tip.to_owned()];
        // If the branch has moved on, only the trees that differ from the last ones are sent.
        let fetch = Fetch {
            wants: &wants,
            depth: Some(1),
            filter: fetches_single_files.then_some("blob:none"),
            have: last.as_deref(),
            shallow: last.is_some(),
        };
        let limit = if fetches_single_files { MAX_FILTERED } else { MAX_PACK };
        let pack = self.session().await?.fetch(&fetch).await?;
        store.receive(pack, limit).await?;
        self.last = Some(tip.to_owned());
        Ok(())
    }
}

/// Parses an object id that the server sent.
pub(crate) fn oid(text: &str) -> Result<Oid, GitError> {
    Oid::from_str(text).map_err(|e| GitError::local("read an object id", e))
}
