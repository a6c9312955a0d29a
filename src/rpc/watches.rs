//! Stops steps that Argo no longer waits for. Argo does not tell a plugin about a stop: its agent, which may run on
//! for an exit handler, still polls a step whose workflow was stopped. So each workflow with unfinished jobs is
//! watched, and also its WorkflowTaskSet, which says which job belongs to which node.

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

/// Keeps the watch of a job's workflow. The job holds this until it has ended.
pub(super) struct WatchedJob {
    watch: Arc<Watch>,
    key: JobKey,
}

impl Watches {
    /// Starts without watches. Withdrawn jobs are stopped in `jobs`.
    pub fn new(jobs: JobTable, cluster: Cluster) -> Self {
        let (open, forbidden) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Shared { jobs, cluster, open, forbidden }))
    }

    /// Watches whether the job `key` of `workflow` is withdrawn, until the returned value is dropped.
    pub(super) fn watch_job(&self, workflow: &Workflow, key: &JobKey) -> WatchedJob {
        let mut open = locked(&self.0.open);
        let watch = open.get(&workflow.uid).and_then(Weak::upgrade).unwrap_or_else(|| {
            open.retain(|_, watch| watch.strong_count() > 0);
            let watch = Arc::new(self.begin(workflow.clone()));
            open.insert(workflow.uid.clone(), Arc::downgrade(&watch));
            watch
        });
        locked(&watch.held).push(key.clone());
        WatchedJob { watch, key: key.clone() }
    }

    fn begin(&self, workflow: Workflow) -> Watch {
        let held = Arc::default();
        let watching = Watching::new(self.0.clone(), workflow, Arc::clone(&held));
        // Boxed, because a task keeps the room of its future as long as there is a handle, and this one may end at once.
        Watch { held, _task: AbortOnDropHandle::new(tokio::spawn(Box::pin(watching.run()))) }
    }
}

impl Drop for WatchedJob {
    fn drop(&mut self) {
        let mut held = locked(&self.watch.held);
        // Removes one entry of the key: each concurrent request for the job has an entry of its own.
        if let Some(place) = held.iter().position(|key| key == &self.key) {
            held.swap_remove(place);
        }
    }
}

/// Locks `mutex` and ignores poisoning: the value behind it is consistent between any two statements.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
