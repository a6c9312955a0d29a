//! Which of two commits of a source repository is the newer, by that repository's own history.
//!
//! The Git protocol can tell without any forge's API. Asked for our commit by somebody who has theirs, a server sends
//! the commits that are reachable from ours and not from theirs (git `upload-pack.c`). None: ours is theirs or below
//! it. Theirs among the parents: ours is above it. A `have` that the server does not know is passed over without a
//! word, and then all of our history comes, so the answer is bounded; commit times decide beyond it.

use git2::Oid;

use super::request::Source;
use crate::git::fetch::Fetch;
use crate::git::read::oid;
use crate::git::service::Service;
use crate::git::store::{Received, Store};
use crate::git::transport::Session;
use crate::git::{Git, GitError, retried};

/// Bytes of history that are read at most: some 20,000 commits.
const MAX_HISTORY: usize = 4 << 20;
/// Commits that are looked at, so that a bomb of a pack costs little.
const MAX_COMMITS: usize = 100_000;

/// How our commit stands to theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Ours came later.
    Newer,
    /// Ours is below theirs, or was made earlier on another line.
    Older,
    /// It cannot be told, and why.
    Unknown(String),
}

/// What a history says without times.
enum Lineage {
    Above,
    Below,
    /// On different lines, or too far apart.
    Aside(&'static str),
}

/// How `source`'s commit stands to the commit `theirs` of the same repository.
///
/// # Errors
/// All but those that say that the server does not have the source, or does not show it to this login: only then is
/// nothing to be known. Transient ones were retried.
pub(super) async fn standing(git: &Git, source: &Source, theirs: &str) -> Result<Standing, GitError> {
    let asked = retried(|| ask(git, source, theirs)).await;
    match asked {
        Err(error) if error.is_unknown_there() => Ok(Standing::Unknown(error.to_string())),
        other => other,
    }
}

async fn ask(git: &Git, source: &Source, theirs: &str) -> Result<Standing, GitError> {
    let store = Store::create(git).await?;
    let repo = Repo { git, source, store };
    let why = match repo.lineage(theirs).await? {
        Lineage::Above => return Ok(Standing::Newer),
        Lineage::Below => return Ok(Standing::Older),
        Lineage::Aside(why) => why,
    };
    Ok(match repo.times(theirs).await? {
        Some((ours, theirs)) if ours < theirs => Standing::Older,
        Some(_) => Standing::Newer,
        None => Standing::Unknown(why.to_owned()),
    })
}

struct Repo<'a> {
    git: &'a Git,
    source: &'a Source,
    store: Store,
}

impl Repo<'_> {
    /// Fetches into the store, over http in one request where the server is a usual one.
    async fn fetch(&self, fetch: &Fetch<'_>) -> Result<Received, GitError> {
        let Source { repo, credentials, .. } = self.source;
        if let Some(mut session) = Session::begin_at_once(self.git, repo, credentials)? {
            match self.receive(&mut session, fetch).await {
                ended @ (Ok(_) | Err(GitError::Login { .. } | GitError::Flood { .. })) => return ended,
                Err(error) if error.is_not_our_ref() => return Err(error),
                Err(error) => tracing::debug!(%error, "asking {repo} for its capabilities first"),
            }
        }
        let mut session = Session::open(self.git, repo, credentials, Service::UploadPack, &[]).await?;
        self.receive(&mut session, fetch).await
    }

    async fn receive(&self, session: &mut Session, fetch: &Fetch<'_>) -> Result<Received, GitError> {
        let pack = session.fetch(fetch).await?;
        self.store.receive_at_most(pack, MAX_HISTORY).await
    }

    async fn lineage(&self, theirs: &str) -> Result<Lineage, GitError> {
        let (ours, theirs_oid) = (oid(&self.source.commit)?, oid(theirs)?);
        let wants = [self.source.commit.clone()];
        let fetch = Fetch { wants: &wants, filter: Some("tree:0"), have: Some(theirs), ..Fetch::default() };
        match self.fetch(&fetch).await? {
            Received::Objects(0) => return Ok(Lineage::Below),
            Received::Objects(_) => {}
            Received::TooMuch => return Ok(Lineage::Aside("their histories are too far apart")),
        }
        let above = move |inner: &crate::git::store::Inner| {
            let (commits, _) = inner.log(ours, MAX_COMMITS);
            Ok(commits.iter().any(|commit| commit.parents.contains(&theirs_oid)))
        };
        let above = self.store.run(above).await?;
        Ok(if above { Lineage::Above } else { Lineage::Aside("the server does not know the other commit") })
    }

    /// When ours and theirs were committed; `None` where the server does not show both.
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
