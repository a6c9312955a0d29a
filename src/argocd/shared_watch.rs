//! One watch of all Applications of a namespace, for all waits of this process.
//!
//! Without it, each wait has a watch of its own: with 500 waits, the API server has 500 streams of this process, and this process
//! the connections and parsers for them. The watch uses the rights of this process. A wait first reads and refreshes its Application
//! with the rights of its own namespace, so nobody learns of an Application that he may not read. Where the rights of this process do
//! not suffice, there is no shared watch.

mod reader;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::state::ApplicationState;
use crate::kube::Cluster;
use reader::Reader;
use topics::Topics;

/// How long no watch is tried in a namespace after a refusal. The rights may be granted meanwhile.
const REFUSED: Duration = Duration::from_secs(300);

/// The shared watches of a process, by the namespace of the Applications.
pub(super) struct SharedWatch {
    cluster: Cluster,
    namespaces: Namespaces,
}

type Namespaces = Arc<Mutex<HashMap<String, Namespace>>>;

enum Namespace {
    /// It is watched, for these Applications.
    Watched { topics: Topics, _task: AbortOnDropHandle<()> },
    /// It may not be watched. Tried again at this time.
    Refused(Instant),
}

/// What is known of one Application.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// It has this state.
    Changed(Arc<ApplicationState>),
    /// It was deleted, or its states are no longer in order: it must be read.
    Reread,
    /// Nothing more will be known here, or nothing for a while.
    Ended,
}

/// The news of one Application. A reader that is late gets the latest only, and delays no other.
pub(super) struct Subscription(watch::Receiver<News>);

impl Subscription {
    /// The next news. If the future is dropped, none are lost.
    pub(super) async fn next(&mut self) -> News {
        match self.0.changed().await {
            Ok(()) => self.0.borrow_and_update().clone(),
            Err(_) => News::Ended,
        }
    }
}

impl SharedWatch {
    /// Watches nothing yet.
    pub(super) fn new(cluster: Cluster) -> Self {
        Self { cluster, namespaces: Arc::default() }
    }

    /// The news of the Application `name` from now on. The first subscription begins the watch of the namespace. `None` if this
    /// process may not watch all Applications there.
    pub(super) fn subscribe(&self, namespace: &str, name: &str) -> Option<Subscription> {
        let mut namespaces = locked(&self.namespaces);
        let is_over = match namespaces.get(namespace) {
            Some(Namespace::Watched { .. }) => false,
            Some(Namespace::Refused(until)) if *until > Instant::now() => return None,
            Some(Namespace::Refused(_)) | None => true,
        };
        if is_over {
            let now = Instant::now();
            namespaces.retain(|_, old| !matches!(old, Namespace::Refused(until) if *until <= now));
            namespaces.insert(namespace.to_owned(), self.begin(namespace));
        }
        match namespaces.get_mut(namespace) {
            Some(Namespace::Watched { topics, .. }) => Some(Subscription(topics.subscribe(name))),
            _ => None,
        }
    }

    fn begin(&self, namespace: &str) -> Namespace {
        let reader = Reader::new(&self.cluster, namespace, Arc::downgrade(&self.namespaces));
        // Boxed, because a task keeps the room of its future as long as there is a handle.
        let task = AbortOnDropHandle::new(tokio::spawn(Box::pin(reader.run())));
        Namespace::Watched { topics: Topics::default(), _task: task }
    }
}

/// Whether the resource version `version` is later than `than`; `None` if they are no numbers. Those of one kind are numbers that
/// grow (Kubernetes KEP-5504).
pub(super) fn is_later(version: &str, than: &str) -> Option<bool> {
    Some(version.parse::<u64>().ok()? > than.parse::<u64>().ok()?)
}

/// Locks `mutex` and ignores poisoning: the value behind it is consistent between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests;
