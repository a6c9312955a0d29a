//! Stops jobs when their Workflow is stopped, has ended, or has reached its deadline.

use tokio::time::Instant;
use tracing::info;

use super::{SHORT, Task, TaskSetWorker};
use crate::agent::deadlines::{self, LimitSource};
use crate::agent::task::Stage;
use crate::agent::workflow_watch::{WorkflowUpdate, WorkflowWatch};
use crate::kube::{Shutdown, WorkflowState};

impl TaskSetWorker {
    /// The time at which the longest-running job has run long enough to watch its Workflow.
    pub(super) fn watched_from(&self) -> Option<Instant> {
        let running = |task: &Task| match &task.stage {
            Stage::Unfinished(unfinished) => unfinished.running,
            _ => None,
        };
        self.tasks.values().filter_map(running).min().map(|began| began + SHORT)
    }

    /// Watches the Workflow while a job runs that may have to be stopped.
    pub(super) fn watch_workflow(&mut self) {
        match self.watched_from() {
            Some(from) if self.watch.is_none() && from <= Instant::now() => {
                self.watch = Some(WorkflowWatch::watch(&self.agent, &self.workflow));
            }
            None => (self.watch, self.deadlines) = (None, Vec::new()),
            _ => {}
        }
    }

    /// Handles an update from the watch of the Workflow.
    pub(super) fn workflow_seen(&mut self, seen: WorkflowUpdate) {
        let workflow = match seen {
            WorkflowUpdate::Nothing => return,
            WorkflowUpdate::Gone => return self.drop_all("its workflow was deleted"),
            WorkflowUpdate::State(workflow) => workflow,
        };
        match workflow.shutdown {
            _ if workflow.ended => self.drop_all("its workflow has ended"),
            Some(Shutdown::Terminate) => self.drop_all("its workflow was terminated"),
            Some(Shutdown::Stop) => self.withdraw_stopped(&workflow),
            Some(Shutdown::Other) | None => {}
        }
        let unfinished = self.tasks.iter().filter(|(_, task)| task.job().is_some());
        self.deadlines =
            unfinished.filter_map(|(id, task)| deadlines::first(&workflow, id, task.limit)).collect();
    }

    /// Stops every job and reports nothing: Argo does not wait for these nodes, and a later `argo retry` would find
    /// the reports.
    fn drop_all(&mut self, why: &str) {
        let name = &self.workflow.name;
        for task in self.tasks.values_mut().filter(|task| task.is_open()) {
            if let Some(job) = task.job() {
                info!(job = %job.key(), workflow.name = %name, "cancelling a step of `{name}`: {why}");
            }
            task.dropped();
        }
    }

    /// Stops the jobs that are not part of an exit handler. Their results are reported, because the last report was
    /// Running and Argo relies on it.
    fn withdraw_stopped(&self, workflow: &WorkflowState) {
        let name = &self.workflow.name;
        for (id, task) in &self.tasks {
            let Some(job) = task.job().filter(|_| workflow.stops(id)) else {
                continue;
            };
            if self.agent.jobs.withdraw(job.key()) {
                info!(job = %job.key(), workflow.name = %name, "cancelling a step of `{name}`: its workflow was stopped");
            }
        }
    }

    /// Stops the jobs whose deadline has passed.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        for deadline in self.deadlines.extract_if(.., |deadline| deadline.at <= now) {
            let Some(job) = self.tasks.get(&deadline.node).and_then(Task::job) else { continue };
            match deadline.source {
                LimitSource::Node => self.agent.jobs.time_out(job.key(), deadline.limit),
                LimitSource::Workflow => self.agent.jobs.expire(job.key(), deadline.limit),
            };
        }
    }
}
