//! A job that a task holds: let go of, it is forgotten, and stopped if it goes on.

use crate::jobs::{JobKey, JobTable};
use crate::limits::Held;
use crate::metrics::{AgentMetrics, TaskCount};

/// A task's job.
pub(super) struct Hold {
    jobs: JobTable,
    key: JobKey,
    _counted: TaskCount,
    _memory: Held,
}

impl Hold {
    pub(super) fn new(jobs: &JobTable, key: JobKey, metrics: &AgentMetrics, memory: Held) -> Self {
        Self { jobs: jobs.clone(), key, _counted: metrics.task(), _memory: memory }
    }

    pub(super) fn key(&self) -> &JobKey {
        &self.key
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.jobs.forget(&self.key);
    }
}
