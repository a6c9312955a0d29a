//! What a desk does about its Workflow: one that is stopped, has ended, or whose time is up.

use tokio::time::Instant;
use tracing::info;

use super::{Desk, SHORT, Task};
use crate::agent::deadlines::{self, Whose};
use crate::agent::task::Stage;
use crate::agent::workflow_watch::{Seen, WorkflowWatch};
use crate::kube::{Shutdown, WorkflowState};

impl Desk {
    /// The time from which the first of its jobs has run long enough for a watch of its Workflow.
    pub(super) fn watched_from(&self) -> Option<Instant> {
        let running = |task: &Task| match &task.stage {
            Stage::Going(going) => going.running,
            _ => None,
        };
        self.tasks.values().filter_map(running).min().map(|began| began + SHORT)
    }

    /// Watches the Workflow while there is something that may have to be stopped.
    pub(super) fn watch_workflow(&mut self) {
        match self.watched_from() {
            Some(from) if self.watch.is_none() && from <= Instant::now() => {
                self.watch = Some(WorkflowWatch::watch(&self.agent, &self.workflow));
            }
            None => (self.watch, self.deadlines) = (None, Vec::new()),
            _ => {}
        }
    }

    /// Takes in what the Workflow says now.
    pub(super) fn workflow_seen(&mut self, seen: Seen) {
        let workflow = match seen {
            Seen::Nothing => return,
            Seen::Gone => return self.drop_all("its workflow was deleted"),
            Seen::State(workflow) => workflow,
        };
        match workflow.shutdown {
            _ if workflow.ended => self.drop_all("its workflow has ended"),
            Some(Shutdown::Terminate) => self.drop_all("its workflow was terminated"),
            Some(Shutdown::Stop) => self.withdraw_stopped(&workflow),
            Some(Shutdown::Other) | None => {}
        }
        let going = self.tasks.iter().filter(|(_, task)| task.hold().is_some());
        self.deadlines = going.filter_map(|(id, task)| deadlines::first(&workflow, id, task.limit)).collect();
    }

    /// Stops every job. Nobody waits for them, and a report would be found by a later `argo retry`.
    fn drop_all(&mut self, why: &str) {
        let name = &self.workflow.name;
        for task in self.tasks.values_mut().filter(|task| task.is_open()) {
            if let Some(hold) = task.hold() {
                info!(job = %hold.key(), workflow.name = %name, "cancelling a step of `{name}`: {why}");
            }
            task.dropped();
        }
    }

    /// Stops the jobs that are no part of an exit handler. Their ends are reported: our last word was that they run, and Argo
    /// goes by it.
    fn withdraw_stopped(&self, workflow: &WorkflowState) {
        let name = &self.workflow.name;
        for (id, task) in &self.tasks {
            let Some(hold) = task.hold().filter(|_| workflow.stops(id)) else {
                continue;
            };
            if self.agent.jobs.withdraw(hold.key()) {
                info!(job = %hold.key(), workflow.name = %name, "cancelling a step of `{name}`: its workflow was stopped");
            }
        }
    }

    /// Stops the jobs whose time is up.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        for deadline in self.deadlines.extract_if(.., |deadline| deadline.at <= now) {
            let Some(hold) = self.tasks.get(&deadline.node).and_then(Task::hold) else { continue };
            match deadline.whose {
                Whose::Node => self.agent.jobs.time_out(hold.key(), deadline.limit),
                Whose::Workflow => self.agent.jobs.expire(hold.key(), deadline.limit),
            };
        }
    }
}
