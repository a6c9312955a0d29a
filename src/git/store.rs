//! Objects while a commit is made: a bare repository that lives as long as the request.

mod commit;
mod log;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use git2::{Oid, Repository};
use tokio::sync::mpsc::{self, Receiver};

use super::error::GitError;
use super::fetch::PackStream;
pub(super) use commit::Change;
pub(super) use log::Logged;

/// Bytes of a pack that are taken. Only a server without `filter` sends more than its trees.
const MAX_PACK: usize = 1 << 30;

/// Bytes of a pack before its objects: `PACK`, version and count.
const PACK_HEAD: usize = 12;

/// What became of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// So many objects were taken in.
    Objects(u32),
    /// It was larger than allowed, and nothing was taken in.
    TooMuch,
}

/// The store; every use of libgit2 runs on a blocking thread.
#[derive(Clone)]
pub(super) struct Store(Arc<Mutex<Inner>>);

/// libgit2's view of the directory. The repository goes before its directory does.
pub(super) struct Inner {
    pub(super) repo: Repository,
    _dir: tempfile::TempDir,
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
    pub(super) async fn receive(&self, pack: PackStream<'_>) -> Result<(), GitError> {
        match self.receive_at_most(pack, MAX_PACK).await? {
            Received::Objects(_) => Ok(()),
            Received::TooMuch => {
                Err(GitError::local("take in a pack of more than 1 GiB", "turn on partial clone there"))
            }
        }
    }

    /// Takes in a pack as it arrives, unless it is larger than `limit` bytes.
    pub(super) async fn receive_at_most(
        &self,
        mut pack: PackStream<'_>,
        limit: usize,
    ) -> Result<Received, GitError> {
        let head = pack.head(PACK_HEAD).await?;
        // Its last four bytes count the objects (`gitformat-pack.txt`).
        let objects = head[8..PACK_HEAD].iter().fold(0, |count, byte| (count << 8) | u32::from(*byte));
        if objects == 0 {
            while pack.next().await?.is_some() {}
            return Ok(Received::Objects(0));
        }
        let (sender, receiver) = mpsc::channel(32);
        let feed = async move {
            let (mut size, mut chunk) = (0, Some(Bytes::from(head)));
            while let Some(next) = chunk {
                size += next.len();
                if size > limit {
                    return Ok(Received::TooMuch);
                }
                // The writer is gone only after an error of its own, which is told below.
                if sender.send(next).await.is_err() {
                    break;
                }
                chunk = pack.next().await?;
            }
            Ok(Received::Objects(objects))
        };
        let (fed, written) = tokio::join!(feed, self.run(move |inner| inner.index(receiver)));
        match fed? {
            // Cut short, it could not be indexed.
            Received::TooMuch => Ok(Received::TooMuch),
            received => written.map(|()| received),
        }
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
}
