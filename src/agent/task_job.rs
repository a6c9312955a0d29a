//! The job of a task. The job is forgotten when this is dropped, and stopped if it still runs.

use crate::jobs::{JobKey, JobTable};
use crate::limits::Held;
use crate::metrics::{AgentMetrics, TaskCount};

/// The job of a task. Dropping it stops the job and removes it from the table.
pub(super) struct TaskJob {
    jobs: JobTable,
    key: JobKey,
    _counted: TaskCount,
    _memory: Held,
}

impl TaskJob {
    pub(super) fn new(jobs: &JobTable, key: JobKey, metrics: &AgentMetrics, memory: Held) -> Self {
        Self { jobs: jobs.clone(), key, _counted: metrics.task(), _memory: memory }
    }

    pub(super) fn key(&self) -> &JobKey {
        &self.key
    }
}

impl Drop for TaskJob {
    fn drop(&mut self) {
        self.jobs.forget(&self.key);
    }
}
