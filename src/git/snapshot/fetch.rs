//! Fetches objects by id: only these objects, or the whole commit if the server cannot serve single objects.

use std::collections::BTreeMap;

use bytes::Bytes;
use git2::Oid;

use super::Snapshot;
use crate::git::error::GitError;
use crate::git::fetch::Fetch;
use crate::git::pack::{self, ObjectType, Pack, PackObject};
use crate::git::service::Service;
use crate::git::store::{Inner, MAX_FILTERED, MAX_PACK, Store};
use crate::git::transport::GitSession;
use crate::git::{Credentials, Git, RepoUrl, retried};
use crate::time_limits::within;

/// The maximum size in bytes of one object.
const MAX_OBJECT: usize = 1 << 20;
/// The maximum size in bytes of one object when the whole commit had to be fetched, such as a directory with 300,000
/// entries.
const MAX_LARGE: usize = 12 << 20;
/// The maximum size in bytes of a pack with a few objects. A server without `filter` also sends everything below a
/// directory, after the directory itself.
const MAX_READ: usize = 64 << 20;
/// The maximum inflated size of such a pack in bytes.
const MAX_INFLATED: u64 = 256 << 20;

type Objects = BTreeMap<String, Bytes>;

impl Snapshot {
    /// Fetches the objects `ids`, which are not cached.
    pub(super) async fn fetch(&mut self, ids: Vec<String>) -> Result<Objects, GitError> {
        let mut found = match &self.store {
            Some(store) => stored(store, ids.clone()).await?,
            None => Objects::new(),
        };
        let mut missing: Vec<_> = ids.into_iter().filter(|id| !found.contains_key(id)).collect();
        if !missing.is_empty() {
            // Boxed, as below: files are read deep inside a step, and a thread's stack is small.
            let asked = Box::pin(ask(&self.git, &self.repo, &self.credentials, &missing));
            match within(self.git.options.resolve_timeout, "its server", asked).await {
                Ok(Ok(objects)) => found.extend(objects),
                // Some servers serve refs and the objects that these reach, but no object by its own id.
                Ok(Err(error)) if error.is_not_our_ref() => {}
                Ok(Err(error)) => return Err(error),
                Err(late) => return Err(self.late(&late.to_string())),
            }
            missing.retain(|id| !found.contains_key(id));
        }
        if !missing.is_empty() {
            let store = Box::pin(self.whole(Some("blob:limit=1m"), MAX_PACK)).await?;
            found.extend(stored(&store, missing).await?);
            self.store = Some(store);
        }
        Ok(found)
    }

    /// Fetches the commit into a store, without the objects that `filter` leaves out.
    pub(super) async fn whole(&self, filter: Option<&'static str>, limit: usize) -> Result<Store, GitError> {
        if self.sha.len() != 40 {
            return Err(self.unusable("it is a SHA-256 repository, and its server serves no single files; turn on partial clone there (`uploadpack.allowFilter`)"));
        }
        let (git, wants) = (&self.git, [self.sha.clone()]);
        let once = || async {
            let store = Store::create(git).await?;
            let mut session =
                GitSession::open(git, &self.repo, &self.credentials, Service::UploadPack, &[]).await?;
            let fetch = Fetch { wants: &wants, depth: Some(1), filter, ..Fetch::default() };
            store.receive(session.fetch(&fetch).await?, limit).await?;
            Ok(store)
        };
        let asked = within(git.options.resolve_timeout, "its server", retried(once)).await;
        asked.unwrap_or_else(|late| Err(self.late(&late.to_string())))
    }

    /// Fetches all trees of the commit, and files of less than 1 KiB. A server without `filter` sends all files.
    pub(super) async fn with_small_files(&mut self) -> Result<Store, GitError> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let store = Box::pin(self.whole(Some("blob:limit=1k"), MAX_FILTERED)).await?;
        self.store = Some(store.clone());
        Ok(store)
    }

    fn late(&self, late: &str) -> GitError {
        let what = format!("commit {} was not read: {late}", self.sha);
        GitError::Unavailable { repo: self.repo.to_string(), action: "read", what, cause: None }
    }
}

/// Fetches `ids` and returns the objects that the server sends whole, not as deltas.
async fn ask(
    git: &Git,
    repo: &RepoUrl,
    credentials: &Credentials,
    ids: &[String],
) -> Result<Objects, GitError> {
    let mut found = retried(|| request(git, repo, credentials, ids)).await?;
    // A server may send one of two similar objects as a delta against the other. It cannot if the object is requested
    // alone.
    let alone: Vec<_> = ids.iter().filter(|id| ids.len() > 1 && !found.contains_key(*id)).collect();
    for id in alone {
        found.extend(retried(|| request(git, repo, credentials, std::slice::from_ref(id))).await?);
    }
    Ok(found)
}

async fn request(
    git: &Git,
    repo: &RepoUrl,
    credentials: &Credentials,
    ids: &[String],
) -> Result<Objects, GitError> {
    let is_final = |error: &GitError| error.is_not_our_ref() || matches!(error, GitError::Unusable { .. });
    let ask = |mut session| async move { receive(&mut session, ids).await };
    git.ask(repo, credentials, &[], is_final, ask).await
}

async fn receive(session: &mut GitSession, ids: &[String]) -> Result<Objects, GitError> {
    let limits =
        pack::Limits { read: MAX_READ, inflated: MAX_INFLATED, of_tree: MAX_OBJECT, of_blob: MAX_OBJECT };
    let (digits, repo) = (ids.first().map_or(40, String::len), session.repo.clone());
    // Leaves out what is below a tree. A server whose first message had to be read may not know it.
    let filter = session.is_assumed.then_some("tree:1");
    let fetch = Fetch { wants: ids, filter, ..Fetch::default() };
    let mut pack = Pack::open(session.fetch(&fetch).await?, limits, digits).await?;
    let mut found = Objects::new();
    while let Some(object) = pack.next().await? {
        let PackObject::Whole { kind, id, head, size } = object else { continue };
        if !ids.contains(&id) {
            continue;
        }
        if u64::try_from(head.len()) == Ok(size) {
            found.insert(id, head.into());
        } else if kind == ObjectType::Blob {
            let what = format!(
                "its file {id} has {size} bytes, more than the {} MiB that are read; make it smaller",
                MAX_OBJECT >> 20
            );
            return Err(GitError::Unusable { repo, what });
        }
        if found.len() == ids.len() {
            break;
        }
    }
    Ok(found)
}

/// The objects of `ids` that `store` has and that are not too large.
async fn stored(store: &Store, ids: Vec<String>) -> Result<Objects, GitError> {
    let read = move |inner: &Inner| {
        let each = ids.into_iter().filter_map(|id| {
            let oid = Oid::from_str(&id).ok().filter(|oid| inner.has(*oid))?;
            inner.raw(oid, MAX_LARGE).map(|bytes| Some((id, bytes?))).transpose()
        });
        each.map(|read| read.map(|(id, bytes)| (id, Bytes::from(bytes)))).collect()
    };
    store.run(read).await
}
