//! Steps that Argo no longer waits for. It tells a plugin nothing: the agent, which may live on for an exit handler,
//! goes on asking for a step whose workflow was stopped. So each workflow with unfinished jobs is watched, and with it
//! its WorkflowTaskSet, which says which jobs belong to which of its nodes.

mod tasks;
mod watching;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use tokio_util::task::AbortOnDropHandle;

use crate::engine::Workflow;
use crate::jobs::{JobKey, JobTable};
use crate::kube::Cluster;
use watching::Watching;

/// The watches of all workflows that have unfinished jobs. Clones share them.
#[derive(Clone)]
pub struct Watches(Arc<Shared>);

struct Shared {
    jobs: JobTable,
    cluster: Cluster,
    /// The watches, by workflow uid.
    open: Mutex<HashMap<String, Weak<Watch>>>,
    /// Whether the `forbidden` warning has been logged.
    forbidden: AtomicBool,
}

/// One workflow's watch. It ends when the last of the workflow's jobs has dropped it.
struct Watch {
    held: Arc<Mutex<Vec<JobKey>>>,
    _task: AbortOnDropHandle<()>,
}

/// Kept by a job for as long as it has not ended.
pub(super) struct Held {
    watch: Arc<Watch>,
    key: JobKey,
}

impl Watches {
    /// No watch yet; what they find withdrawn they stop in `jobs`.
    pub fn new(jobs: JobTable, cluster: Cluster) -> Self {
        let (open, forbidden) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Shared { jobs, cluster, open, forbidden }))
    }

    /// Watches for the withdrawal of the job `key` of `workflow` until what it gives is dropped.
    pub(super) fn hold(&self, workflow: &Workflow, key: &JobKey) -> Held {
        let mut open = locked(&self.0.open);
        let watch = open.get(&workflow.uid).and_then(Weak::upgrade).unwrap_or_else(|| {
            open.retain(|_, watch| watch.strong_count() > 0);
            let watch = Arc::new(self.begin(workflow.clone()));
            open.insert(workflow.uid.clone(), Arc::downgrade(&watch));
            watch
        });
        locked(&watch.held).push(key.clone());
        Held { watch, key: key.clone() }
    }

    fn begin(&self, workflow: Workflow) -> Watch {
        let held = Arc::default();
        let watching = Watching::new(self.0.clone(), workflow, Arc::clone(&held));
        Watch { held, _task: AbortOnDropHandle::new(tokio::spawn(watching.run())) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = locked(&self.watch.held);
        // Remove it once: each of several concurrent requests holds the key once.
        if let Some(place) = held.iter().position(|key| key == &self.key) {
            held.swap_remove(place);
        }
    }
}

/// A lock that a panic elsewhere does not poison: what is behind it is whole between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
