//! Objects while a commit is made: a bare repository that lives as long as the request.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use git2::{Buf, Oid, Repository, Signature};
use tokio::sync::mpsc::{self, Receiver};

use super::error::GitError;
use super::fetch::PackStream;
use super::write_back::Identity;

/// Bytes of a pack that are taken. Only a server without `filter` sends more than its trees.
const MAX_PACK: usize = 1 << 30;

/// The store; every use of libgit2 runs on a blocking thread.
#[derive(Clone)]
pub(super) struct Store(Arc<Mutex<Inner>>);

/// libgit2's view of the directory. The repository goes before its directory does.
pub(super) struct Inner {
    pub(super) repo: Repository,
    _dir: tempfile::TempDir,
}

/// What to commit.
pub(super) struct Change {
    /// The commit below.
    pub(super) parent: Oid,
    /// Path, file mode and new content.
    pub(super) files: Vec<(String, git2::FileMode, Vec<u8>)>,
    pub(super) author: Identity,
    pub(super) committer: Identity,
    pub(super) message: String,
}

impl Store {
    /// An empty store in the first directory that can be written: `temp_dir`, the system's, `/dev/shm`.
    pub(super) async fn create(temp_dir: Option<PathBuf>) -> Result<Self, GitError> {
        blocking(move || {
            let dir = make_dir(temp_dir.as_deref())?;
            let mut options = git2::RepositoryInitOptions::new();
            options.bare(true).no_reinit(true).external_template(false);
            let repo = Repository::init_opts(dir.path(), &options)
                .map_err(|e| GitError::local("make a temporary Git repository", e))?;
            Ok(Self(Arc::new(Mutex::new(Inner { repo, _dir: dir }))))
        })
        .await
    }

    /// Runs `work` on a blocking thread.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let inner = Arc::clone(&self.0);
        blocking(move || work(&inner.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// Takes in a pack as it arrives.
    pub(super) async fn receive(&self, mut pack: PackStream<'_>) -> Result<(), GitError> {
        let (sender, receiver) = mpsc::channel(32);
        let feed = async move {
            let mut size = 0;
            while let Some(chunk) = pack.next().await? {
                size += chunk.len();
                if size > MAX_PACK {
                    return Err(GitError::local(
                        "take in a pack of more than 1 GiB",
                        "turn on partial clone there",
                    ));
                }
                // The writer is gone only after an error of its own, which is told below.
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let (fed, written) = tokio::join!(feed, self.run(move |inner| inner.index(receiver)));
        fed.and(written)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    done.map_err(|e| GitError::local("work on Git objects", e))?
}

fn make_dir(temp_dir: Option<&Path>) -> Result<tempfile::TempDir, GitError> {
    let system = std::env::temp_dir();
    let places = [temp_dir, Some(&system), Some(Path::new("/dev/shm"))];
    let mut first_error = None;
    for place in places.into_iter().flatten() {
        match tempfile::Builder::new().prefix("argo-buildkit-git-").tempdir_in(place) {
            Ok(dir) => return Ok(dir),
            Err(error) => {
                let doing = format!("make a temporary directory in `{}` or /dev/shm", place.display());
                first_error.get_or_insert(GitError::local(doing, error));
            }
        }
    }
    Err(first_error.unwrap_or_else(|| GitError::local("make a temporary directory", "no place")))
}

fn libgit(doing: &'static str) -> impl Fn(git2::Error) -> GitError {
    move |error| GitError::local(doing, error)
}

impl Inner {
    fn index(&self, mut chunks: Receiver<Bytes>) -> Result<(), GitError> {
        let odb = self.repo.odb().map_err(libgit("open the object store"))?;
        let mut writer = odb.packwriter().map_err(libgit("write a pack"))?;
        while let Some(chunk) = chunks.blocking_recv() {
            writer.write_all(&chunk).map_err(|e| GitError::local("write a pack", e))?;
        }
        writer.commit().map_err(libgit("index the fetched pack"))?;
        Ok(())
    }

    /// Whether an object is here.
    pub(super) fn has(&self, oid: Oid) -> bool {
        self.repo.odb().is_ok_and(|odb| odb.exists(oid))
    }

    /// A blob's bytes.
    pub(super) fn blob(&self, oid: Oid) -> Result<Vec<u8>, GitError> {
        Ok(self.repo.find_blob(oid).map_err(libgit("read a fetched file"))?.content().to_vec())
    }

    /// Whether one of `ours` is `tip` or one of its ancestors that are here.
    pub(super) fn ancestor(&self, tip: Oid, ours: &[Oid]) -> Option<Oid> {
        let (mut seen, mut queue) = (BTreeSet::new(), vec![tip]);
        while let Some(oid) = queue.pop() {
            if ours.contains(&oid) {
                return Some(oid);
            }
            if let Ok(commit) = self.repo.find_commit(oid)
                && seen.insert(oid)
            {
                queue.extend(commit.parent_ids());
            }
        }
        None
    }

    /// Makes the commit; its id and a pack of what the server does not have.
    pub(super) fn commit(&self, change: &Change) -> Result<(Oid, Bytes), GitError> {
        let repo = &self.repo;
        let failed = libgit("make the commit");
        let parent = repo.find_commit(change.parent).map_err(&failed)?;
        let old_tree = parent.tree().map_err(&failed)?;
        let mut update = git2::build::TreeUpdateBuilder::new();
        let mut fresh = BTreeSet::new();
        for (path, mode, content) in &change.files {
            let blob = repo.blob(content).map_err(&failed)?;
            fresh.insert(blob);
            update.upsert(path.as_str(), blob, *mode);
        }
        let root = update.create_updated(repo, &old_tree).map_err(&failed)?;
        let new_tree = repo.find_tree(root).map_err(&failed)?;
        for (path, ..) in &change.files {
            fresh.extend(directories(repo, &new_tree, path).map_err(&failed)?);
        }
        let (author, committer) = (signature(&change.author)?, signature(&change.committer)?);
        let oid = repo
            .commit(None, &author, &committer, &change.message, &new_tree, &[&parent])
            .map_err(&failed)?;
        fresh.insert(oid);
        Ok((oid, pack(repo, &fresh).map_err(libgit("pack the commit"))?))
    }
}

/// The trees from the root down to the directory that holds `path`.
fn directories(repo: &Repository, root: &git2::Tree<'_>, path: &str) -> Result<Vec<Oid>, git2::Error> {
    let (mut oids, mut tree) = (vec![root.id()], root.clone());
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in parts {
        let Some(id) = tree.get_name(part).map(|entry| entry.id()) else { break };
        oids.push(id);
        tree = repo.find_tree(id)?;
    }
    Ok(oids)
}

fn signature(who: &Identity) -> Result<Signature<'static>, GitError> {
    let name = format!("{} <{}>", who.name, who.email);
    Signature::now(&who.name, &who.email).map_err(|e| GitError::Input {
        what: format!("`{}` cannot sign a commit: {}; give a name and an e-mail address", name, e.message()),
    })
}

fn pack(repo: &Repository, oids: &BTreeSet<Oid>) -> Result<Bytes, git2::Error> {
    let mut builder = repo.packbuilder()?;
    builder.set_threads(1);
    for oid in oids {
        builder.insert_object(*oid, None)?;
    }
    let mut buffer = Buf::new();
    builder.write_buf(&mut buffer)?;
    Ok(Bytes::copy_from_slice(&buffer))
}
