//! What a desk does about its Workflow: one that is stopped, has ended, or whose time is up.

use tokio::time::Instant;
use tracing::info;

use super::{Desk, SHORT, Task};
use crate::agent::cuts::{self, Whose};
use crate::agent::stops::{Sight, Stops};
use crate::agent::task::Stage;
use crate::kube::{Shutdown, WorkflowState};

impl Desk {
    /// When the first of its jobs has run long enough for a watch of its Workflow.
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
            Some(from) if self.stops.is_none() && from <= Instant::now() => {
                self.stops = Some(Stops::watch(&self.agent, &self.workflow));
            }
            None => (self.stops, self.cuts) = (None, Vec::new()),
            _ => {}
        }
    }

    /// Takes in what the Workflow says now.
    pub(super) fn sighted(&mut self, sight: Sight) {
        let workflow = match sight {
            Sight::Unseen => return,
            Sight::Gone => return self.drop_all("its workflow was deleted"),
            Sight::Seen(workflow) => workflow,
        };
        match workflow.shutdown {
            _ if workflow.ended => self.drop_all("its workflow has ended"),
            Some(Shutdown::Terminate) => self.drop_all("its workflow was terminated"),
            Some(Shutdown::Stop) => self.withdraw_stopped(&workflow),
            Some(Shutdown::Other) | None => {}
        }
        let going = self.tasks.iter().filter(|(_, task)| task.hold().is_some());
        self.cuts = going.filter_map(|(id, task)| cuts::cut(&workflow, id, task.limit)).collect();
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
            let Some(hold) = task.hold().filter(|_| workflow.is_exit_handler(id) == Some(false)) else {
                continue;
            };
            if self.agent.jobs.withdraw(hold.key()) {
                info!(job = %hold.key(), workflow.name = %name, "cancelling a step of `{name}`: its workflow was stopped");
            }
        }
    }

    /// Stops the jobs whose time is up.
    pub(super) fn cut(&mut self) {
        let now = Instant::now();
        for cut in self.cuts.extract_if(.., |cut| cut.at <= now) {
            let Some(hold) = self.tasks.get(&cut.node).and_then(Task::hold) else { continue };
            match cut.whose {
                Whose::Node => self.agent.jobs.time_out(hold.key(), cut.limit),
                Whose::Workflow => self.agent.jobs.expire(hold.key(), cut.limit),
            };
        }
    }
}
