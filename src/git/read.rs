//! The branch's tip and the files in it, with as few bytes as the server lets us have.

use git2::Oid;

use super::advert::Ref;
use super::error::GitError;
use super::fetch::Fetch;
use super::resolve::{check_name, near};
use super::store::Store;
use super::transport::{Service, Session};
use super::tree::{Entry, check_content, check_path, find};
use super::write_back::WriteBack;
use super::{Git, retried};

/// Commits of a branch's history that are looked through for one of ours.
const HISTORY: u32 = 50;

/// Reads one branch.
pub(super) struct Reader<'a> {
    git: &'a Git,
    request: &'a WriteBack,
    reference: String,
    store: Store,
    session: Option<Session>,
    /// False once the server refused to serve single files.
    lean: bool,
}

impl<'a> Reader<'a> {
    pub(super) async fn new(git: &'a Git, request: &'a WriteBack) -> Result<Self, GitError> {
        check(request)?;
        let short = request.branch.strip_prefix("refs/heads/").unwrap_or(&request.branch);
        let reference = format!("refs/heads/{short}");
        let store = Store::create(git.options.temp_dir.clone()).await?;
        Ok(Self { git, request, reference, store, session: None, lean: true })
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// The branch's full name.
    pub(super) fn reference(&self) -> &str {
        &self.reference
    }

    /// Forgets the connection after an error.
    pub(super) fn reset(&mut self) {
        self.session = None;
    }

    /// A session for one request. In protocol v0 refs and a request come once per connection.
    async fn session(&mut self) -> Result<&mut Session, GitError> {
        if self.session.as_ref().is_none_or(|s| !s.advert.v2) {
            let request = self.request;
            let open = || Session::open(self.git, &request.repo, &request.credentials, Service::UploadPack);
            self.session = Some(retried(open).await?);
        }
        self.session.as_mut().ok_or_else(|| GitError::local("talk to the server", "no session"))
    }

    /// The branch as the server has it now.
    pub(super) async fn tip(&mut self) -> Result<Ref, GitError> {
        let reference = self.reference.clone();
        if self.session.as_ref().is_some_and(|s| !s.is_stateless()) {
            self.reset();
        }
        let session = self.session().await?;
        let refs = session.refs(&[reference.as_str()]).await?;
        let Some(tip) = refs.into_iter().find(|r| r.name == reference) else {
            return Err(self.no_branch().await?);
        };
        if tip.oid.len() != 40 {
            let what = "it is a SHA-256 repository; only SHA-1 repositories can be committed to".to_owned();
            return Err(GitError::Unusable { repo: self.request.repo.to_string(), what });
        }
        Ok(tip)
    }

    async fn no_branch(&mut self) -> Result<GitError, GitError> {
        let repo = self.request.repo.to_string();
        let branch = self.request.branch.clone();
        let refs = self.session().await?.refs(&["refs/heads/"]).await?;
        if refs.is_empty() {
            return Ok(GitError::Empty { repo });
        }
        let why = format!("there is no such branch{}", near(&refs, &branch));
        Ok(GitError::Revision { repo, revision: branch, why })
    }

    /// The request's files in the commit `tip`.
    pub(super) async fn files(&mut self, tip: &str) -> Result<Vec<(Entry, Vec<u8>)>, GitError> {
        let tip_oid = oid(tip)?;
        let lean = self.lean && self.session().await?.advert.can_fetch_by_id();
        let filter = lean.then_some("blob:none");
        self.fetch(vec![tip.to_owned()], Some(1), filter).await?;
        let entries = self.find(tip_oid).await?;
        let wanted: Vec<Oid> = entries.iter().map(|e| e.blob).collect();
        let missing = self
            .store
            .run(move |inner| Ok(wanted.into_iter().filter(|o| !inner.has(*o)).collect::<Vec<_>>()))
            .await?;
        if !missing.is_empty() {
            self.fetch_blobs(tip, missing.iter().map(Oid::to_string).collect()).await?;
        }
        self.contents(entries).await
    }

    /// Single files; from a server that does not serve these, the whole commit.
    async fn fetch_blobs(&mut self, tip: &str, blobs: Vec<String>) -> Result<(), GitError> {
        match self.fetch(blobs, None, None).await {
            Err(GitError::Remote { said, .. }) => {
                tracing::warn!(%said, "the server does not serve single files: fetching the whole commit");
                self.lean = false;
                self.reset();
                self.fetch(vec![tip.to_owned()], Some(1), None).await
            }
            other => other,
        }
    }

    async fn fetch(
        &mut self,
        wants: Vec<String>,
        depth: Option<u32>,
        filter: Option<&'static str>,
    ) -> Result<(), GitError> {
        let store = self.store.clone();
        let session = self.session().await?;
        let pack = session.fetch(&Fetch { wants: &wants, depth, filter }).await?;
        store.receive(pack).await
    }

    async fn find(&mut self, tip: Oid) -> Result<Vec<Entry>, GitError> {
        let paths = self.request.paths.clone();
        let found = self
            .store
            .run(move |inner| {
                let read = |e: git2::Error| GitError::local("read the fetched commit", e);
                let tree = inner.repo.find_commit(tip).and_then(|c| c.tree()).map_err(read)?;
                Ok(paths
                    .iter()
                    .map(|p| find(&inner.repo, &tree, p).map_err(|why| (p.clone(), why)))
                    .collect())
            })
            .await?;
        let found: Vec<Result<Entry, (String, String)>> = found;
        found.into_iter().map(|entry| entry.map_err(|(path, why)| self.bad_file(path, why))).collect()
    }

    async fn contents(&mut self, entries: Vec<Entry>) -> Result<Vec<(Entry, Vec<u8>)>, GitError> {
        let read = self
            .store
            .run(move |inner| {
                entries
                    .into_iter()
                    .map(|e| inner.blob(e.blob).map(|bytes| (e, bytes)))
                    .collect::<Result<Vec<_>, _>>()
            })
            .await?;
        for (entry, bytes) in &read {
            check_content(bytes).map_err(|why| self.bad_file(entry.path.clone(), why.to_owned()))?;
        }
        Ok(read)
    }

    fn bad_file(&self, path: String, why: String) -> GitError {
        let (repo, branch) = (self.request.repo.to_string(), self.request.branch.clone());
        GitError::File { repo, branch, path: super::text::tidy(path.as_bytes()), why }
    }

    /// Which of `ours` the branch at `tip` holds.
    pub(super) async fn holds(&mut self, tip: &str, ours: Vec<Oid>) -> Result<Option<Oid>, GitError> {
        let tip_oid = oid(tip)?;
        if ours.is_empty() || ours.contains(&tip_oid) {
            return Ok(ours.into_iter().find(|o| *o == tip_oid));
        }
        self.fetch(vec![tip.to_owned()], Some(HISTORY), Some("tree:0")).await?;
        self.store.run(move |inner| Ok(inner.ancestor(tip_oid, &ours))).await
    }
}

/// An object id that the server sent.
pub(super) fn oid(text: &str) -> Result<Oid, GitError> {
    Oid::from_str(text).map_err(|e| GitError::local("read an object id", e))
}

/// What can be said about a request before anything is asked.
fn check(request: &WriteBack) -> Result<(), GitError> {
    let (repo, branch) = (request.repo.to_string(), super::text::tidy(request.branch.as_bytes()));
    if let Err(why) = check_name(&request.branch) {
        return Err(GitError::Revision { repo, revision: branch, why: why.to_owned() });
    }
    for path in &request.paths {
        if let Err(why) = check_path(path) {
            let path = super::text::tidy(path.as_bytes());
            return Err(GitError::File { repo, branch, path, why: why.to_owned() });
        }
    }
    if request.message.trim().is_empty() || request.message.contains('\0') {
        let what = "the commit message is empty or contains a NUL character; give another one".to_owned();
        return Err(GitError::Input { what });
    }
    Ok(())
}
