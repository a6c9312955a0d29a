//! One WorkflowTaskSet: its tasks that are ours, their jobs, and what has been reported of them.

mod jobs;
mod reports;
mod waiting;
mod workflow;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Agent;
use super::clerk::Clerk;
use super::deadlines::Deadline;
use super::task::{Change, Task};
use super::workflow_watch::WorkflowWatch;
use crate::argo::{NodePhase, Template};
use crate::engine::Workflow;
use crate::kube::{Leadership, TaskSetState};

/// A job that runs longer is worth a watch of its Workflow.
const SHORT: Duration = Duration::from_millis(500);

/// Does the work of one WorkflowTaskSet. When it is dropped, it stops and forgets its jobs.
pub(super) struct Desk {
    agent: Arc<Agent>,
    workflow: Workflow,
    seen: watch::Receiver<Arc<TaskSetState>>,
    leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
    /// The tasks, by node id.
    tasks: BTreeMap<String, Task>,
    rounds: u64,
    changes: FuturesUnordered<BoxFuture<'static, (String, u64, Change)>>,
    clerk: Clerk,
    watch: Option<WorkflowWatch>,
    deadlines: Vec<Deadline>,
    /// The process is about to end.
    closing: bool,
}

impl Desk {
    pub(super) fn new(
        agent: Arc<Agent>,
        seen: watch::Receiver<Arc<TaskSetState>>,
        leadership: watch::Receiver<Leadership>,
        stop: CancellationToken,
    ) -> Self {
        let (workflow, clerk) = {
            let state = seen.borrow();
            let id = &state.id;
            let workflow = Workflow {
                name: id.name.clone(),
                namespace: id.namespace.clone(),
                // A set that no workflow owns is somebody's own; it too is one of a kind.
                uid: if state.workflow.is_empty() { &id.uid } else { &state.workflow }.clone(),
            };
            (workflow, Clerk::new(id.clone(), state.form.clone()))
        };
        let (tasks, changes) = (BTreeMap::new(), FuturesUnordered::new());
        let (rounds, watch, deadlines, closing) = (0, None, Vec::new(), false);
        Self {
            agent,
            workflow,
            seen,
            leadership,
            stop,
            tasks,
            rounds,
            changes,
            clerk,
            watch,
            deadlines,
            closing,
        }
    }

    /// Works until the set is gone; once stopped, until there is nothing more to report.
    pub(super) async fn run(mut self) {
        self.look();
        while !self.closing || self.tasks.values().any(Task::is_open) {
            let due = self.due();
            tokio::select! {
                there = self.seen.changed() => match there {
                    Ok(()) => self.look(),
                    Err(_) => return,
                },
                Ok(()) = self.leadership.changed() => self.look(),
                () = self.stop.cancelled(), if !self.closing => self.closing = true,
                Some((id, round, change)) = self.changes.next() => self.changed(&id, round, change),
                answer = self.clerk.answer() => self.answered(answer),
                seen = WorkflowWatch::next(&mut self.watch) => self.workflow_seen(seen),
                () = tokio::time::sleep_until(due) => self.pass(),
            }
            self.watch_workflow();
            self.report();
        }
    }

    /// Compares the set as it is now with what is known: forgets tasks that have left, begins those that are new.
    fn look(&mut self) {
        let state = Arc::clone(&self.seen.borrow_and_update());
        self.clerk.saw(state.form.clone());
        self.tasks.retain(|id, task| {
            state.tasks.get(id).is_some_and(|template| template.get("plugin") == Some(&task.guard))
        });
        for (id, template) in &state.tasks {
            let reported = state.phases.get(id).is_some_and(|phase| NodePhase::is_end(phase));
            match self.tasks.get_mut(id) {
                Some(task) => task.seen(reported, &state.resource_version),
                None => self.take(id, template, reported),
            }
        }
    }

    /// A task that was not there.
    fn take(&mut self, id: &str, template: &Value, reported: bool) {
        let template = Template(template.clone());
        self.rounds += 1;
        let task = match reported {
            true => Some(Task::told(&template, self.rounds)),
            false if self.may_begin() => self.begin(id, &template),
            false => None,
        };
        if let Some(task) = task {
            self.tasks.insert(id.to_owned(), task);
        }
    }

    fn may_begin(&self) -> bool {
        *self.leadership.borrow() == Leadership::Leader && !self.stop.is_cancelled()
    }

    /// Reports nothing while it is uncertain who leads: another replica may lead and report.
    fn may_report(&self) -> bool {
        *self.leadership.borrow() == Leadership::Leader
    }

    /// The next time at which there is something to do without an event.
    fn due(&self) -> Instant {
        let may_report = self.may_report() && self.clerk.is_idle();
        let told = self.tasks.values().filter(|task| may_report && (task.is_open() || self.may_begin()));
        let told = told.filter_map(Task::due).map(|at| at.max(self.clerk.not_before()));
        let deadlines = self.deadlines.iter().map(|deadline| deadline.at);
        let watched = self.watched_from().filter(|_| self.watch.is_none());
        let first = told.chain(deadlines).chain(watched).min();
        first.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))
    }

    /// Time has passed.
    fn pass(&mut self) {
        self.expire();
        self.ask();
    }
}
