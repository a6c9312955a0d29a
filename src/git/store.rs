//! The objects of a commit in the making: a temporary bare repository that is removed when it is dropped.

mod commit;
mod locked_dir;
mod log;
pub(super) mod pack_meter;

use std::cell::Cell;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use git2::{Oid, Repository};
use tokio::sync::mpsc::{self, Receiver};

use super::error::GitError;
use super::fetch::PackStream;
use super::{Git, GitMemory};
pub(crate) use commit::TreeChange;
use locked_dir::LockedDir;
pub(crate) use log::LogEntry;
use pack_meter::{LARGE_COMMIT, LARGE_TREE, MAX_OBJECTS, PackMeter};

/// The maximum size in bytes of a pack from a server with `filter`: commits, trees, or the files of one request. The
/// store may be on `/dev/shm`, which is memory. A repository of 100,000 files sends 8 MiB of trees.
pub(crate) const MAX_FILTERED: usize = 64 << 20;

/// The maximum size in bytes of a pack from a server without `filter`, which sends all files of a commit.
pub(crate) const MAX_PACK: usize = 256 << 20;

/// Bytes of memory for reading trees and files: the largest directory, and libgit2's form of it.
const AT_A_TIME: usize = 24 << 20;

/// The size in bytes of a pack's header: `PACK`, version and object count.
const PACK_HEAD: usize = 12;

/// The outcome of receiving a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// This many objects were received.
    Objects(u32),
    /// The pack was larger than allowed, and nothing was stored.
    TooMuch,
}

/// A store. Every use of libgit2 runs on a blocking thread.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Mutex<Inner>>,
    memory: GitMemory,
    /// The total size of the received packs in bytes.
    bytes: Arc<AtomicUsize>,
}

/// libgit2's view of the directory. The field order matters: the repository is dropped before its directory.
pub(crate) struct Inner {
    pub(crate) repo: Repository,
    /// The size in bytes of the largest file in the received packs.
    largest: Cell<u64>,
    _place: LockedDir,
}

impl Store {
    /// Makes an empty store in the first writable directory: `temp_dir`, the system's, `/dev/shm`.
    pub(crate) async fn create(git: &Git) -> Result<Self, GitError> {
        let (temp_dir, memory) = (git.options.temp_dir.clone(), git.memory.clone());
        blocking(move || {
            let place = LockedDir::make(temp_dir.as_deref())?;
            let mut options = git2::RepositoryInitOptions::new();
            options.bare(true).no_reinit(true).external_template(false);
            let repo = Repository::init_opts(place.path(), &options)
                .map_err(|e| GitError::local("make a temporary Git repository", e))?;
            let inner = Inner { repo, largest: Cell::new(0), _place: place };
            Ok(Self { inner: Arc::new(Mutex::new(inner)), memory, bytes: Arc::default() })
        })
        .await
    }

    /// Removes the stores of killed processes from all these directories; returns their number.
    pub(crate) async fn sweep(temp_dir: Option<PathBuf>) -> usize {
        let swept = tokio::task::spawn_blocking(move || locked_dir::sweep(temp_dir.as_deref())).await;
        swept.unwrap_or_default()
    }

    /// The total size of the received packs in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Runs `work` on a blocking thread. `work` may read a few trees or files at a time.
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

    /// Receives a pack of at most `limit` bytes.
    pub(crate) async fn receive(&self, pack: PackStream<'_>, limit: usize) -> Result<(), GitError> {
        let repo = pack.repo().to_owned();
        match self.receive_at_most(pack, limit).await? {
            Received::Objects(_) => Ok(()),
            Received::TooMuch => Err(too_large(repo, &format!("more than {} MiB", limit >> 20))),
        }
    }

    /// Receives a pack, unless it is larger than `limit` bytes.
    pub(crate) async fn receive_at_most(
        &self,
        mut pack: PackStream<'_>,
        limit: usize,
    ) -> Result<Received, GitError> {
        let head = pack.head(PACK_HEAD).await?;
        // The last four bytes of the header are the object count (`gitformat-pack.txt`).
        let objects = head[8..PACK_HEAD].iter().fold(0, |count, byte| (count << 8) | u32::from(*byte));
        if objects == 0 {
            while pack.next().await?.is_some() {}
            return Ok(Received::Objects(0));
        }
        let (sender, receiver) = mpsc::channel(32);
        let repo = pack.repo().to_owned();
        let counted = objects.min(MAX_OBJECTS);
        let memory = match self.memory.pack_now(counted) {
            Some(memory) => memory,
            None => {
                pack.set_apart();
                self.memory.pack(&repo, counted).await?
            }
        };
        let bytes = Arc::clone(&self.bytes);
        let is_whole = Arc::new(AtomicBool::new(false));
        let fed = Arc::clone(&is_whole);
        let feed = async move {
            let (mut size, mut chunk) = (0, Some(Bytes::from(head)));
            while let Some(next) = chunk {
                size += next.len();
                bytes.fetch_add(next.len(), Ordering::Relaxed);
                if size > limit {
                    return Ok(Received::TooMuch);
                }
                // The receiver is gone only if the indexer failed; that error is returned below.
                if sender.send(next).await.is_err() {
                    break;
                }
                chunk = pack.next().await?;
            }
            is_whole.store(true, Ordering::Release);
            Ok(Received::Objects(objects))
        };
        let (work, from) = (self.memory.clone(), repo.clone());
        let indexed = self.blocking(move |inner| inner.index(receiver, &fed, &from, &work));
        let both = async {
            let (fed, written) = tokio::join!(feed, indexed);
            match fed? {
                // A pack that was cut short could not be indexed.
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
    /// Indexes the pack that `chunks` gives. `is_whole` is set once its last byte was given.
    fn index(
        &self,
        mut chunks: Receiver<Bytes>,
        is_whole: &AtomicBool,
        repo: &str,
        memory: &GitMemory,
    ) -> Result<(), GitError> {
        let mut meter = PackMeter::new(self.largest.get());
        let odb = self.repo.odb().map_err(libgit("open the object store"))?;
        let mut writer = odb.packwriter().map_err(libgit("write a pack"))?;
        while let Some(chunk) = chunks.blocking_recv() {
            meter.take(&chunk).map_err(|what| too_large(repo.to_owned(), what))?;
            writer.write_all(&chunk).map_err(|e| GitError::local("write a pack", e))?;
        }
        // Nobody waits for what was cut off, and it needs no memory.
        if !is_whole.load(Ordering::Acquire) {
            return Err(GitError::local("index the fetched pack", "the pack is not whole"));
        }
        // At this point deltas are resolved. This thread may block, because only its own step waits for it.
        let held = tokio::runtime::Handle::current().block_on(memory.work(meter.held_at_end()));
        let _held = held.map_err(|e| GitError::local("index the fetched pack", e))?;
        writer.commit().map_err(libgit("index the fetched pack"))?;
        self.largest.set(self.largest.get().max(meter.largest));
        Ok(())
    }

    /// Whether the store has the object.
    pub(crate) fn has(&self, oid: Oid) -> bool {
        self.repo.odb().is_ok_and(|odb| odb.exists(oid))
    }

    /// An object's size in bytes, without inflating it.
    pub(crate) fn size(&self, oid: Oid) -> Result<usize, GitError> {
        let header = self.repo.odb().and_then(|odb| odb.read_header(oid));
        header.map(|(size, _)| size).map_err(libgit("read a fetched file's size"))
    }

    /// The bytes of an object of any type; `None` if there are more than `most`.
    pub(crate) fn raw(&self, oid: Oid, most: usize) -> Result<Option<Vec<u8>>, GitError> {
        if self.size(oid)? > most {
            return Ok(None);
        }
        let read = self.repo.odb().and_then(|odb| Ok(odb.read(oid)?.data().to_vec()));
        read.map(Some).map_err(libgit("read a fetched object"))
    }

    /// A blob's bytes. Check its [size](Self::size) first.
    pub(crate) fn blob(&self, oid: Oid) -> Result<Vec<u8>, GitError> {
        Ok(self.repo.find_blob(oid).map_err(libgit("read a fetched file"))?.content().to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::git::GitOptions;

    #[tokio::test]
    async fn a_pack_that_was_cut_off_is_not_indexed() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let git = Git::new(GitOptions::default()).unwrap();
        let store = Store::create(&git).await.unwrap();
        let (sender, receiver) = mpsc::channel(1);
        sender.send(Bytes::from_static(b"PACK\0\0\0\x02\0\0\0\x01")).await.unwrap();
        drop(sender);
        let (is_whole, memory) = (AtomicBool::new(false), store.memory.clone());
        let indexed = store.blocking(move |inner| inner.index(receiver, &is_whole, "r", &memory)).await;
        let error = crate::outcome::chain(&indexed.unwrap_err());
        assert!(error.contains("the pack is not whole"), "{error}");
    }
}
