//! Objects while a commit is made: a bare repository that lives as long as the request.

mod commit;
pub(super) mod gauge;
mod log;
mod place;

use std::cell::Cell;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use git2::{Oid, Repository};
use tokio::sync::mpsc::{self, Receiver};

use super::error::GitError;
use super::fetch::PackStream;
use super::{Git, Memory};
pub(crate) use commit::Change;
use gauge::{Gauge, LARGE_COMMIT, LARGE_TREE, MAX_OBJECTS};
pub(crate) use log::Logged;
use place::Place;

/// Bytes of a pack that are taken from a server with `filter`: commits, trees, or the files of one turn. The store may be on `/dev/shm`,
/// which is memory; a repository of 100,000 files sends 8 MiB of trees.
pub(crate) const MAX_FILTERED: usize = 64 << 20;

/// Bytes of a pack that are taken from a server without `filter`, which sends all files of a commit.
pub(crate) const MAX_PACK: usize = 256 << 20;

/// Bytes that are read of trees and files at a time: the largest directory, and what libgit2 makes of it.
const AT_A_TIME: usize = 24 << 20;

/// Bytes of a pack before its objects: `PACK`, version and count.
const PACK_HEAD: usize = 12;

/// What became of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// So many objects were taken in.
    Objects(u32),
    /// It was larger than allowed, and nothing was taken in.
    TooMuch,
}

/// The store; every use of libgit2 runs on a blocking thread.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Mutex<Inner>>,
    memory: Memory,
    /// Bytes of the packs so far.
    bytes: Arc<AtomicUsize>,
}

/// libgit2's view of the directory. The repository goes before its directory does.
pub(crate) struct Inner {
    pub(crate) repo: Repository,
    /// Bytes of the largest file in the packs so far.
    largest: Cell<u64>,
    _place: Place,
}

impl Store {
    /// An empty store in the first directory that can be written: `temp_dir`, the system's, `/dev/shm`.
    pub(crate) async fn create(git: &Git) -> Result<Self, GitError> {
        let (temp_dir, memory) = (git.options.temp_dir.clone(), git.memory.clone());
        blocking(move || {
            let place = Place::make(temp_dir.as_deref())?;
            let mut options = git2::RepositoryInitOptions::new();
            options.bare(true).no_reinit(true).external_template(false);
            let repo = Repository::init_opts(place.path(), &options)
                .map_err(|e| GitError::local("make a temporary Git repository", e))?;
            let inner = Inner { repo, largest: Cell::new(0), _place: place };
            Ok(Self { inner: Arc::new(Mutex::new(inner)), memory, bytes: Arc::default() })
        })
        .await
    }

    /// Removes what killed processes left where a store would be made.
    pub(crate) async fn sweep(temp_dir: Option<PathBuf>) -> usize {
        let swept = tokio::task::spawn_blocking(move || place::sweep(temp_dir.as_deref())).await;
        swept.unwrap_or_default()
    }

    /// How many bytes of packs it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Runs `work` on a blocking thread, which reads a few trees or files at a time.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let _held = self.memory.work(AT_A_TIME).await.map_err(|e| GitError::local("read Git objects", e))?;
        self.blocking(work).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// Takes in a pack of at most `limit` bytes as it arrives.
    pub(crate) async fn receive(&self, pack: PackStream<'_>, limit: usize) -> Result<(), GitError> {
        let repo = pack.repo().to_owned();
        match self.receive_at_most(pack, limit).await? {
            Received::Objects(_) => Ok(()),
            Received::TooMuch => Err(too_large(repo, &format!("more than {} MiB", limit >> 20))),
        }
    }

    /// Takes in a pack as it arrives, unless it is larger than `limit` bytes.
    pub(crate) async fn receive_at_most(
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
        let repo = pack.repo().to_owned();
        let memory = self.memory.pack(&repo, objects.min(MAX_OBJECTS)).await?;
        let bytes = Arc::clone(&self.bytes);
        let feed = async move {
            let (mut size, mut chunk) = (0, Some(Bytes::from(head)));
            while let Some(next) = chunk {
                size += next.len();
                bytes.fetch_add(next.len(), Ordering::Relaxed);
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
        let (work, from) = (self.memory.clone(), repo.clone());
        let indexed = self.blocking(move |inner| inner.index(receiver, &from, &work));
        let both = async {
            let (fed, written) = tokio::join!(feed, indexed);
            match fed? {
                // Cut short, it could not be indexed.
                Received::TooMuch => Ok(Received::TooMuch),
                received => written.map(|()| received),
            }
        };
        memory.during(&repo, both).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    done.map_err(|e| GitError::local("work on Git objects", e))?
}

fn too_large(repo: String, what: &str) -> GitError {
    if matches!(what, LARGE_COMMIT | LARGE_TREE) {
        return GitError::Unusable {
            repo,
            what: format!("its server sends {what}; name a smaller repository"),
        };
    }
    let what = format!(
        "its server sends {what}; turn on partial clone there (`uploadpack.allowFilter`), so that only the files in \
         question are sent"
    );
    GitError::Unusable { repo, what }
}

fn libgit(doing: &'static str) -> impl Fn(git2::Error) -> GitError {
    move |error| GitError::local(doing, error)
}

impl Inner {
    fn index(&self, mut chunks: Receiver<Bytes>, repo: &str, memory: &Memory) -> Result<(), GitError> {
        let mut gauge = Gauge::new(self.largest.get());
        let odb = self.repo.odb().map_err(libgit("open the object store"))?;
        let mut writer = odb.packwriter().map_err(libgit("write a pack"))?;
        while let Some(chunk) = chunks.blocking_recv() {
            gauge.take(&chunk).map_err(|what| too_large(repo.to_owned(), what))?;
            writer.write_all(&chunk).map_err(|e| GitError::local("write a pack", e))?;
        }
        // Here differences are made to objects. This thread may wait, and nobody waits for it but its own step.
        let held = tokio::runtime::Handle::current().block_on(memory.work(gauge.held_at_its_end()));
        let _held = held.map_err(|e| GitError::local("index the fetched pack", e))?;
        writer.commit().map_err(libgit("index the fetched pack"))?;
        self.largest.set(self.largest.get().max(gauge.largest));
        Ok(())
    }

    /// Whether an object is here.
    pub(crate) fn has(&self, oid: Oid) -> bool {
        self.repo.odb().is_ok_and(|odb| odb.exists(oid))
    }

    /// How many bytes an object has, which does not inflate it.
    pub(crate) fn size(&self, oid: Oid) -> Result<usize, GitError> {
        let header = self.repo.odb().and_then(|odb| odb.read_header(oid));
        header.map(|(size, _)| size).map_err(libgit("read a fetched file's size"))
    }

    /// The bytes of any object, unless these are more than `most`.
    pub(crate) fn raw(&self, oid: Oid, most: usize) -> Result<Option<Vec<u8>>, GitError> {
        if self.size(oid)? > most {
            return Ok(None);
        }
        let read = self.repo.odb().and_then(|odb| Ok(odb.read(oid)?.data().to_vec()));
        read.map(Some).map_err(libgit("read a fetched object"))
    }

    /// A blob's bytes. Ask for its [size](Self::size) first.
    pub(crate) fn blob(&self, oid: Oid) -> Result<Vec<u8>, GitError> {
        Ok(self.repo.find_blob(oid).map_err(libgit("read a fetched file"))?.content().to_vec())
    }
}
