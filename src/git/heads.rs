//! Lists the branches and tags of a repository, each with its commit: one request over http, whatever their number.

use super::advert::Ref;
use super::bounds::REFS_KEPT;
use super::credentials::Credentials;
use super::error::GitError;
use super::transport::GitSession;
use super::url::RepoUrl;
use super::{Git, retried};
use crate::time_limits::{calls, within};

/// The prefixes of the refs that are listed.
const PREFIXES: [&str; 2] = ["refs/heads/", "refs/tags/"];

/// A branch or a tag, and the commit that it names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    /// `refs/heads/…` or `refs/tags/…`.
    pub(crate) name: String,
    /// The commit's id; for an annotated tag, of the commit below it. It is not proven: a server may list anything.
    pub(crate) commit: String,
}

/// The heads that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    /// In the order of the server, which sorts by name.
    pub(crate) found: Vec<Head>,
    /// How many more there are than are kept.
    pub(crate) left_out: usize,
}

/// Which branches and tags are listed.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    /// What the server is asked for. It may list more.
    prefixes: &'a [&'a str],
    accepts: &'a (dyn Fn(&str) -> bool + Sync),
    most: usize,
}

impl Git {
    /// The branches and tags of `repo` whose full names `wanted` accepts, at most `most` of them. An empty repository has
    /// none.
    ///
    /// # Errors
    /// See [`GitError::fault`]. Transient errors have already been retried.
    pub(crate) async fn heads(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        wanted: &(dyn Fn(&str) -> bool + Sync),
        most: usize,
    ) -> Result<Heads, GitError> {
        let wanted = Wanted { prefixes: &PREFIXES, accepts: wanted, most };
        self.heads_of(repo, credentials, wanted).await
    }

    /// The commit that the branch or tag `name` of `repo` names, if it is there. One request, whatever the repository has.
    ///
    /// # Errors
    /// As [`heads`](Self::heads).
    pub(crate) async fn head(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        name: &str,
    ) -> Result<Option<String>, GitError> {
        let accepts = |found: &str| found == name;
        let wanted = Wanted { prefixes: &[name], accepts: &accepts, most: 1 };
        let heads = self.heads_of(repo, credentials, wanted).await?;
        Ok(heads.found.into_iter().next().map(|head| head.commit))
    }

    async fn heads_of(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        wanted: Wanted<'_>,
    ) -> Result<Heads, GitError> {
        let list = || self.list_heads(repo, credentials, wanted);
        within(calls::GIT_HEADS.whole(), "its server", retried(list)).await.unwrap_or_else(|late| {
            let what = format!("its branches and tags were not listed: {late}");
            Err(GitError::Unavailable { repo: repo.to_string(), action: "read", what, cause: None })
        })
    }

    async fn list_heads(
        &self,
        repo: &RepoUrl,
        credentials: &Credentials,
        wanted: Wanted<'_>,
    ) -> Result<Heads, GitError> {
        let ask = |mut session: GitSession| async move { session.heads(wanted).await };
        self.ask(repo, credentials, &[], |_| false, ask).await
    }
}

impl GitSession {
    async fn heads(&mut self, wanted: Wanted<'_>) -> Result<Heads, GitError> {
        let Wanted { prefixes, accepts, most } = wanted;
        let is_head = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && accepts(name);
        let mut heads = Heads::default();
        if self.advert.v2 {
            let keep = |found: Ref| {
                if is_head(&found.name) {
                    heads.add(found, most);
                }
            };
            self.each_ref("peel", prefixes, keep).await?;
            return Ok(heads);
        }
        if self.advert.is_cut() {
            let what = format!(
                "its server speaks Git's old protocol and lists more than {REFS_KEPT} refs; update that server's Git to 2.18 or later"
            );
            return Err(GitError::Unusable { repo: self.repo.clone(), what });
        }
        self.advert.refs(is_head).for_each(|found| heads.add(found, most));
        Ok(heads)
    }
}

impl Heads {
    fn add(&mut self, found: Ref, most: usize) {
        if self.found.len() == most {
            self.left_out += 1;
            return;
        }
        self.found.push(Head { name: found.name, commit: found.peeled.unwrap_or(found.oid) });
    }
}
