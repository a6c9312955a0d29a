//! Queues the writers of this process that may share a commit. A lane is one such queue with the task that works for
//! it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::request::{EditFn, WriteBack};
use super::writer::{Writer, WriterHandle, pair};
use crate::git::Identity;
use crate::git::branch::full_name;

/// The properties that all writers of a shared commit must have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    repo: String,
    branch: String,
    head: Option<String>,
    login: [u8; 32],
    author: Identity,
    committer: Identity,
    signer: Option<String>,
    publish: Option<(&'static str, [u8; 32])>,
}

impl Key {
    fn of(request: &WriteBack) -> Self {
        Self {
            repo: request.repo.to_string(),
            branch: full_name(&request.branch),
            head: request.head.as_deref().map(full_name),
            login: request.credentials.fingerprint(),
            author: request.author.clone(),
            committer: request.committer.clone(),
            signer: request.signing_key.as_ref().map(crate::git::SigningKey::fingerprint),
            publish: request.publish.as_ref().map(super::Publish::identity),
        }
    }
}

/// The queues by lane. An entry exists while the lane's task runs.
type Queues = HashMap<Key, WriterQueue>;

/// The writers that wait for a lane's task, and the signal that wakes it.
struct WriterQueue {
    writers: Vec<Writer>,
    woken: Arc<Notify>,
}

/// All lanes of a client.
#[derive(Clone, Default)]
pub(super) struct Lanes(Arc<Mutex<Queues>>);

impl std::fmt::Debug for Lanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lanes({})", self.lock().len())
    }
}

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a request. If the lane has no task, `work` starts one.
    pub(super) fn join(
        &self,
        request: WriteBack,
        edit: EditFn,
        work: impl FnOnce(Arc<WriteBack>, Lane),
    ) -> WriterHandle {
        let request = Arc::new(request);
        let key = Key::of(&request);
        let (writer, waiting) = pair(Arc::clone(&request), edit);
        let mut queues = self.lock();
        if let Some(queue) = queues.get_mut(&key) {
            queue.writers.push(writer);
            queue.woken.notify_one();
            return waiting;
        }
        let woken = Arc::new(Notify::new());
        queues.insert(key.clone(), WriterQueue { writers: vec![writer], woken: Arc::clone(&woken) });
        let lane = Lane { lanes: self.clone(), key: Some(key), woken };
        drop(queues);
        work(request, lane);
        waiting
    }
}

/// A lane, owned by its task.
pub(super) struct Lane {
    lanes: Lanes,
    /// `None` once the task has left the lane.
    key: Option<Key>,
    woken: Arc<Notify>,
}

impl Lane {
    /// Takes all queued writers.
    pub(super) fn take(&self) -> Vec<Writer> {
        let mut queues = self.lanes.lock();
        let queue = self.key.as_ref().and_then(|key| queues.get_mut(key));
        queue.map(|queue| std::mem::take(&mut queue.writers)).unwrap_or_default()
    }

    /// Waits until a writer is queued.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Ends the lane if its queue is empty; returns whether it ended.
    pub(super) fn leave(&mut self) -> bool {
        let mut queues = self.lanes.lock();
        if self.key.as_ref().and_then(|key| queues.get(key)).is_some_and(|queue| !queue.writers.is_empty()) {
            return false;
        }
        self.key.take().is_none_or(|key| queues.remove(&key).is_none_or(|queue| queue.writers.is_empty()))
    }
}

impl Drop for Lane {
    /// After a panic, ends the queued writers with an error and lets the next writer start a new task.
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let writers = self.lanes.lock().remove(&key);
            drop(writers);
        }
    }
}
