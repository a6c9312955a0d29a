//! The full names of refs: the default branch, and what a short name means; and whether a branch has a commit.

use super::advert::Ref;
use super::error::GitError;
use super::fetch::Fetch;
use super::resolve::{candidates, check_name};
use super::store::{Received, Store};
use super::transport::GitSession;
use super::{Credentials, Git, RepoUrl, retried};
use crate::time_limits::within;

/// The maximum number of bytes of history that are read to compare two commits: some 20,000 commits.
const MAX_HISTORY: usize = 4 << 20;

/// The name of the default branch, in a list of refs.
const HEAD: &str = "HEAD";

/// The default branch of a repository, and the ref that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RefNames {
    /// The full name of the default branch; `None` if the server does not say it.
    pub(crate) default_branch: Option<String>,
    /// The ref that was asked for, if the server has it.
    pub(crate) found: Option<FoundRef>,
}

/// A ref as the server lists it. It is not proven: a server may list anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundRef {
    /// The full name, such as `refs/heads/main`.
    pub(crate) name: String,
    /// The id of the object that it names.
    pub(crate) id: String,
}

impl RefNames {
    fn of(refs: &[Ref], names: &[String]) -> Self {
        let head = refs.iter().find(|found| found.name == HEAD);
        let default_branch = head.and_then(|head| head.symref.clone());
        let found = names.iter().find_map(|name| refs.iter().find(|found| found.name == *name));
        let found = found.map(|found| FoundRef {
            name: found.symref.clone().unwrap_or_else(|| found.name.clone()),
            id: found.oid.clone(),
        });
        let is_full = |name: &str, prefix: &str| name.starts_with(prefix) && check_name(name).is_ok();
        Self {
            default_branch: default_branch.filter(|name| is_full(name, "refs/heads/")),
            found: found.filter(|found| is_full(&found.name, "refs/")),
        }
    }
}

impl Git {
    /// The full names of the default branch of `repo`, and of the ref that `name` means, as in [`Git::resolve`]. One request over
    /// http.
    ///
    /// # Errors
    /// See [`GitError::fault`]. Transient errors have already been retried.
    pub(crate) async fn ref_names(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        name: Option<&str>,
    ) -> Result<RefNames, GitError> {
        let names = name.filter(|name| check_name(name).is_ok()).map(candidates).unwrap_or_default();
        let list = || self.list_refs(repo, credentials, &names);
        let listed = within(self.options.resolve_timeout, "its server", retried(list)).await;
        let refs = listed.unwrap_or_else(|late| {
            Err(unavailable(repo, format!("the names of its branches were not read: {late}")))
        })?;
        Ok(RefNames::of(&refs, &names))
    }

    async fn list_refs(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        names: &[String],
    ) -> Result<Vec<Ref>, GitError> {
        let wanted: Vec<&str> = std::iter::once(HEAD).chain(names.iter().map(String::as_str)).collect();
        let wanted = wanted.as_slice();
        let ask = |mut session: GitSession| async move { session.refs(wanted).await };
        self.ask(repo, credentials, wanted, |_| false, ask).await
    }

    /// Whether the history of `tip` has `commit`. Both are ids that the server serves. Histories that are too far apart count as
    /// separate.
    ///
    /// # Errors
    /// As for [`ref_names`](Self::ref_names).
    pub(crate) async fn contains(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        tip: &str,
        commit: &str,
    ) -> Result<bool, GitError> {
        if tip == commit {
            return Ok(true);
        }
        let compare = || self.has_below(repo, credentials, tip, commit);
        let compared = within(self.options.resolve_timeout, "its server", retried(compare)).await;
        compared.unwrap_or_else(|late| {
            Err(unavailable(repo, format!("the history of `{tip}` was not read: {late}")))
        })
    }

    /// A server that is told to send `commit` to a client that has `tip` sends nothing if `tip` contains it (git `upload-pack.c`). It
    /// ignores a `tip` that it does not know, and sends everything.
    async fn has_below(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        tip: &str,
        commit: &str,
    ) -> Result<bool, GitError> {
        let (store, wants) = (Store::create(self).await?, [commit.to_owned()]);
        let fetch = Fetch { wants: &wants, filter: Some("tree:0"), have: Some(tip), ..Fetch::default() };
        let (store, fetch) = (&store, &fetch);
        let ask = |mut session: GitSession| async move { receive(&mut session, fetch, store).await };
        let received = self.ask(repo, credentials, &[], GitError::is_not_our_ref, ask).await?;
        Ok(matches!(received, Received::Objects(0)))
    }
}

async fn receive(session: &mut GitSession, fetch: &Fetch<'_>, store: &Store) -> Result<Received, GitError> {
    let pack = session.fetch(fetch).await?;
    store.receive_at_most(pack, MAX_HISTORY).await
}

fn unavailable(repo: &RepoUrl, what: String) -> GitError {
    GitError::Unavailable { repo: repo.to_string(), action: "read", what, cause: None }
}
