//! Finds out which of two commits of a source repository is newer, from that repository's history.
//!
//! The Git protocol can answer this without a forge's API. If a client that has their commit asks for ours, the
//! server sends the commits that are reachable from ours and not from theirs (git `upload-pack.c`). If it sends none,
//! ours is the same commit or an ancestor. If theirs is among the parents, ours is a descendant. The server silently
//! ignores a `have` that it does not know and sends all of our history. So the size of the answer is limited, and
//! beyond the limit the commit times decide.

use git2::Oid;

use super::request::SourceCommit;
use crate::git::fetch::Fetch;
use crate::git::read::oid;
use crate::git::store::{Received, Store};
use crate::git::transport::GitSession;
use crate::git::{Git, GitError, retried};

/// The maximum number of bytes of history that are read: some 20,000 commits.
const MAX_HISTORY: usize = 4 << 20;
/// The maximum number of commits that are visited, so that a hostile pack costs little.
const MAX_COMMITS: usize = 100_000;

/// The order of our commit and theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommitOrder {
    /// Ours is a descendant of theirs, or was made later on another line.
    Newer,
    /// Ours is an ancestor of theirs, or was made earlier on another line.
    Older,
    /// The order is unknown, with the reason.
    Unknown(String),
}

/// The relation of two commits in the history, without commit times.
enum Ancestry {
    Descendant,
    SameOrAncestor,
    /// They are on different lines of history, or too far apart, with the reason.
    Unrelated(&'static str),
}

/// Compares `source`'s commit with the commit `theirs` of the same repository.
///
/// # Errors
/// Any error except those that say that the server does not have the source, or hides it from this login. For these
/// the order is unknown. Transient errors have already been retried.
pub(super) async fn compare_commits(
    git: &Git,
    source: &SourceCommit,
    theirs: &str,
) -> Result<CommitOrder, GitError> {
    unless_hidden(retried(|| ask(git, source, theirs)).await)
}

/// The same by the history alone: the order of commits on different lines is unknown, whatever their times are.
///
/// # Errors
/// Those of [`compare_commits`].
pub(crate) async fn compare_ancestry(
    git: &Git,
    source: &SourceCommit,
    theirs: &str,
) -> Result<CommitOrder, GitError> {
    unless_hidden(retried(|| ask_history(git, source, theirs)).await)
}

/// The order is unknown if the server does not have the source, or hides it.
fn unless_hidden(asked: Result<CommitOrder, GitError>) -> Result<CommitOrder, GitError> {
    match asked {
        Err(error) if error.is_unknown_there() => Ok(CommitOrder::Unknown(error.to_string())),
        other => other,
    }
}

/// The message of `source`'s commit; `None` if the server does not send it.
///
/// # Errors
/// The server is away, or does not serve the commit to this login.
pub(crate) async fn commit_message(git: &Git, source: &SourceCommit) -> Result<Option<String>, GitError> {
    let (repo, ours) = (Repo::new(git, source).await?, oid(&source.commit)?);
    let wants = [source.commit.clone()];
    let fetch = Fetch { wants: &wants, depth: Some(1), filter: Some("tree:0"), ..Fetch::default() };
    repo.fetch(&fetch).await?;
    repo.store.run(move |inner| Ok(inner.log(ours, 1).0.pop().map(|commit| commit.message))).await
}

async fn ask(git: &Git, source: &SourceCommit, theirs: &str) -> Result<CommitOrder, GitError> {
    let repo = Repo::new(git, source).await?;
    let why = match by_history(repo.ancestry_to(theirs).await?) {
        CommitOrder::Unknown(why) => why,
        known => return Ok(known),
    };
    Ok(match repo.times(theirs).await? {
        Some((ours, theirs)) if ours < theirs => CommitOrder::Older,
        Some(_) => CommitOrder::Newer,
        None => CommitOrder::Unknown(why),
    })
}

async fn ask_history(git: &Git, source: &SourceCommit, theirs: &str) -> Result<CommitOrder, GitError> {
    Ok(by_history(Repo::new(git, source).await?.ancestry_to(theirs).await?))
}

fn by_history(ancestry: Ancestry) -> CommitOrder {
    match ancestry {
        Ancestry::Descendant => CommitOrder::Newer,
        Ancestry::SameOrAncestor => CommitOrder::Older,
        Ancestry::Unrelated(why) => CommitOrder::Unknown(why.to_owned()),
    }
}

struct Repo<'a> {
    git: &'a Git,
    source: &'a SourceCommit,
    store: Store,
}

impl<'a> Repo<'a> {
    async fn new(git: &'a Git, source: &'a SourceCommit) -> Result<Self, GitError> {
        Ok(Self { git, source, store: Store::create(git).await? })
    }

    /// Fetches into the store. Over http this takes one request if the server's first message is the usual one.
    async fn fetch(&self, fetch: &Fetch<'_>) -> Result<Received, GitError> {
        let SourceCommit { repo, credentials, .. } = self.source;
        let ask = |mut session| async move { self.receive(&mut session, fetch).await };
        self.git.ask(repo, credentials, &[], GitError::is_not_our_ref, ask).await
    }

    async fn receive(&self, session: &mut GitSession, fetch: &Fetch<'_>) -> Result<Received, GitError> {
        let pack = session.fetch(fetch).await?;
        self.store.receive_at_most(pack, MAX_HISTORY).await
    }

    async fn ancestry_to(&self, theirs: &str) -> Result<Ancestry, GitError> {
        let (ours, theirs_oid) = (oid(&self.source.commit)?, oid(theirs)?);
        let wants = [self.source.commit.clone()];
        let fetch = Fetch { wants: &wants, filter: Some("tree:0"), have: Some(theirs), ..Fetch::default() };
        match self.fetch(&fetch).await? {
            Received::Objects(0) => return Ok(Ancestry::SameOrAncestor),
            Received::Objects(_) => {}
            Received::TooMuch => return Ok(Ancestry::Unrelated("their histories are too far apart")),
        }
        let above = move |inner: &crate::git::store::Inner| {
            let (commits, _) = inner.log(ours, MAX_COMMITS);
            Ok(commits.iter().any(|commit| commit.parents.contains(&theirs_oid)))
        };
        let above = self.store.run(above).await?;
        Ok(if above {
            Ancestry::Descendant
        } else {
            Ancestry::Unrelated("the server does not know the other commit")
        })
    }

    /// The commit times of ours and theirs; `None` if the server does not serve both.
    async fn times(&self, theirs: &str) -> Result<Option<(i64, i64)>, GitError> {
        let wants = [self.source.commit.clone(), theirs.to_owned()];
        let fetch = Fetch { wants: &wants, depth: Some(1), filter: Some("tree:0"), ..Fetch::default() };
        match self.fetch(&fetch).await {
            Err(error) if error.is_not_our_ref() => return Ok(None),
            other => other?,
        };
        let (ours, theirs) = (oid(&self.source.commit)?, oid(theirs)?);
        let time = |inner: &crate::git::store::Inner, oid: Oid| Some(inner.log(oid, 1).0.first()?.seconds);
        self.store.run(move |inner| Ok(time(inner, ours).zip(time(inner, theirs)))).await
    }
}
