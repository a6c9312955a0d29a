//! Reads what a push changed, without a clone: both commits and their trees in one request, without the files.
//!
//! A webhook's payload does not say it: Gitea lists only the newest five commits of a push.

mod asked;
mod tree_diff;

use super::error::GitError;
use super::fetch::Fetch;
use super::read::oid;
use super::service::Service;
use super::store::{LogEntry, MAX_FILTERED, MAX_PACK, Received, Store};
use super::transport::GitSession;
use super::{Credentials, Git, RepoUrl, retried};
use crate::time_limits::within;
pub use asked::{AskedBefore, AskedPush, LocalClone, server_push};
use tree_diff::TreeDiff;

/// How many commits of a history are read.
const HISTORY: u32 = 50;

/// What the server sent of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushedTrees {
    /// Both commits with all their trees.
    Both,
    /// The server does not have the commit before the push, or hides it.
    UnknownBefore,
    /// The server cannot leave out files, and they are too many bytes.
    TooLarge,
}

/// Reads commits and trees of one repository into a store.
pub(crate) struct PushReader {
    git: Git,
    repo: RepoUrl,
    credentials: Credentials,
    store: Store,
    /// Whether the server's first message is assumed to be the usual one. Becomes false once that assumption fails.
    skips_advert: bool,
}

/// What is fetched of each wanted commit.
#[derive(Clone, Copy)]
struct Wanted {
    depth: u32,
    filter: &'static str,
}

impl PushReader {
    pub(crate) async fn new(git: &Git, repo: &RepoUrl, credentials: &Credentials) -> Result<Self, GitError> {
        let store = Store::create(git).await?;
        let (git, repo, credentials) = (git.clone(), repo.clone(), credentials.clone());
        Ok(Self { git, repo, credentials, store, skips_advert: true })
    }

    /// Fetches `before` and `after` with their trees, in one request.
    ///
    /// # Errors
    /// [`GitError::Revision`] if the server does not have `after`.
    pub(crate) async fn trees(&mut self, before: &str, after: &str) -> Result<PushedTrees, GitError> {
        let trees = Wanted { depth: 1, filter: "blob:none" };
        match self.fetch(&[before.to_owned(), after.to_owned()], trees).await {
            Ok(Received::Objects(_)) => {
                self.expect_commit(after).await?;
                Ok(if self.has_commit(before).await? {
                    PushedTrees::Both
                } else {
                    PushedTrees::UnknownBefore
                })
            }
            Ok(Received::TooMuch) => Ok(PushedTrees::TooLarge),
            Err(error) if error.is_not_our_ref() => {
                self.commit(after).await?;
                Ok(PushedTrees::UnknownBefore)
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches the commit `after` without trees.
    ///
    /// # Errors
    /// [`GitError::Revision`] if the server does not have it.
    pub(crate) async fn commit(&mut self, after: &str) -> Result<(), GitError> {
        self.history_of(after, 1).await
    }

    /// Fetches the newest commits from `after` down, without trees.
    ///
    /// # Errors
    /// [`GitError::Revision`] if the server does not have it.
    pub(crate) async fn history(&mut self, after: &str) -> Result<(), GitError> {
        self.history_of(after, HISTORY).await
    }

    /// The newest `depth` commits from `after` down, newest first, and whether there are older ones.
    ///
    /// # Errors
    /// [`GitError::Revision`] if the server does not have `after`.
    pub(crate) async fn commits(
        &mut self,
        after: &str,
        depth: u32,
    ) -> Result<(Vec<LogEntry>, bool), GitError> {
        self.history_of(after, depth).await?;
        let after = oid(after)?;
        self.store.run(move |inner| Ok(inner.log(after, depth as usize))).await
    }

    /// The size of what was received, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.store.bytes()
    }

    async fn history_of(&mut self, after: &str, depth: u32) -> Result<(), GitError> {
        match self.fetch(&[after.to_owned()], Wanted { depth, filter: "tree:0" }).await {
            Err(error) if error.is_not_our_ref() => Err(self.unusable(
                after,
                "the server does not show this commit to this login; check that it was pushed to this repository, and not \
                 replaced by a forced push since",
            )),
            Err(error) => Err(error),
            Ok(_) => self.expect_commit(after).await,
        }
    }

    fn unusable(&self, after: &str, why: &str) -> GitError {
        GitError::Revision { repo: self.repo.to_string(), revision: after.to_owned(), why: why.to_owned() }
    }

    async fn has_commit(&self, id: &str) -> Result<bool, GitError> {
        let id = oid(id)?;
        self.store.run(move |inner| Ok(inner.repo.find_commit(id).is_ok())).await
    }

    async fn expect_commit(&self, id: &str) -> Result<(), GitError> {
        match self.has_commit(id).await? {
            true => Ok(()),
            false => Err(self.unusable(id, "the server sends no commit for it; give the SHA of a commit")),
        }
    }

    /// The commits from `after` down that were fetched, newest first.
    pub(crate) async fn log(&self, after: &str) -> Result<Vec<LogEntry>, GitError> {
        let after = oid(after)?;
        self.store.run(move |inner| Ok(inner.log(after, HISTORY as usize).0)).await
    }

    /// The paths that differ between two commits whose trees were fetched, sorted; `None` if there are too many to compare. A
    /// renamed file is two paths.
    pub(crate) async fn changed(&self, before: &str, after: &str) -> Result<Option<Vec<Vec<u8>>>, GitError> {
        let (before, after) = (oid(before)?, oid(after)?);
        self.store.run(move |inner| TreeDiff::of_commits(&inner.repo, before, after)).await
    }

    /// Fetches objects within the time limit of a question. Transient errors are retried.
    async fn fetch(&mut self, wants: &[String], wanted: Wanted) -> Result<Received, GitError> {
        let limit = self.git.options.resolve_timeout;
        let (repo, action) = (self.repo.to_string(), "read");
        within(limit, "its server", self.fetch_unlimited(wants, wanted)).await.unwrap_or_else(|late| {
            let what = format!("the pushed commits were not read: {late}");
            Err(GitError::Unavailable { repo, action, what, cause: None })
        })
    }

    async fn fetch_unlimited(&mut self, wants: &[String], wanted: Wanted) -> Result<Received, GitError> {
        if self.skips_advert {
            let ask = |session| self.receive(session, wants, wanted);
            let asked = self.git.ask_at_once(&self.repo, &self.credentials, GitError::is_not_our_ref, ask);
            match asked.await? {
                Some(received) => return Ok(received),
                None => self.skips_advert = false,
            }
        }
        retried(|| async {
            let (git, service) = (&self.git, Service::UploadPack);
            let session = GitSession::open(git, &self.repo, &self.credentials, service, &[]).await?;
            self.receive(session, wants, wanted).await
        })
        .await
    }

    async fn receive(
        &self,
        mut session: GitSession,
        wants: &[String],
        wanted: Wanted,
    ) -> Result<Received, GitError> {
        let Wanted { depth, filter } = wanted;
        let limit = if session.advert.can_filter() { MAX_FILTERED } else { MAX_PACK };
        let fetch = Fetch { wants, depth: Some(depth), filter: Some(filter), ..Fetch::default() };
        let pack = session.fetch(&fetch).await?;
        self.store.receive_at_most(pack, limit).await
    }
}
