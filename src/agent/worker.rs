//! The worker for one WorkflowTaskSet. It keeps the tasks for this plugin, their jobs, and what has been reported.

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
use super::deadlines::Deadline;
use super::reporter::StatusReporter;
use super::task::{JobChange, Task};
use super::workflow_watch::WorkflowWatch;
use crate::argo::{NodePhase, Template};
use crate::engine::Workflow;
use crate::kube::{Leadership, TaskSetState};
use crate::templates::is_same_task;

/// The running time of a job after which its Workflow is watched.
const SHORT: Duration = Duration::from_millis(500);

/// Runs the tasks of one WorkflowTaskSet and reports their results. Dropping it stops and forgets its jobs.
pub(super) struct TaskSetWorker {
    agent: Arc<Agent>,
    workflow: Workflow,
    seen: watch::Receiver<Arc<TaskSetState>>,
    leadership: watch::Receiver<Leadership>,
    stop: CancellationToken,
    /// The tasks, by node id.
    tasks: BTreeMap<String, Task>,
    rounds: u64,
    changes: FuturesUnordered<BoxFuture<'static, (String, u64, JobChange)>>,
    reporter: StatusReporter,
    watch: Option<WorkflowWatch>,
    deadlines: Vec<Deadline>,
    /// Whether the process is shutting down.
    closing: bool,
}

impl TaskSetWorker {
    pub(super) fn new(
        agent: Arc<Agent>,
        seen: watch::Receiver<Arc<TaskSetState>>,
        leadership: watch::Receiver<Leadership>,
        stop: CancellationToken,
    ) -> Self {
        let (workflow, reporter) = {
            let state = seen.borrow();
            let id = &state.id;
            let workflow = Workflow {
                name: id.name.clone(),
                namespace: id.namespace.clone(),
                uid: state.workflow_uid().to_owned(),
            };
            (workflow, StatusReporter::new(id.clone(), state.basis.clone()))
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
            reporter,
            watch,
            deadlines,
            closing,
        }
    }

    /// Runs until the set is gone. After `stop`, it runs until nothing is left to report.
    pub(super) async fn run(mut self) {
        self.reconcile();
        while !self.closing || self.tasks.values().any(Task::is_open) {
            let next_wakeup = self.next_wakeup();
            tokio::select! {
                there = self.seen.changed() => match there {
                    Ok(()) => self.reconcile(),
                    Err(_) => return,
                },
                Ok(()) = self.leadership.changed() => self.reconcile(),
                () = self.stop.cancelled(), if !self.closing => self.closing = true,
                Some((id, round, change)) = self.changes.next() => self.job_changed(&id, round, change),
                answer = self.reporter.answer() => self.report_answered(answer),
                seen = WorkflowWatch::next(&mut self.watch) => self.workflow_seen(seen),
                () = tokio::time::sleep_until(next_wakeup) => self.timer_elapsed(),
            }
            self.watch_workflow();
            self.report();
        }
    }

    /// Compares the current set with the known tasks: forgets tasks that were removed and starts new ones.
    fn reconcile(&mut self) {
        let state = Arc::clone(&self.seen.borrow_and_update());
        self.reporter.set_basis(state.basis.clone());
        self.tasks.retain(|id, task| {
            let plugin = state.tasks.get(id).and_then(|template| template.get("plugin"));
            plugin.is_some_and(|plugin| is_same_task(plugin, &task.guard))
        });
        for (id, template) in &state.tasks {
            let reported = state.phases.get(id).is_some_and(|phase| NodePhase::is_end(phase));
            match self.tasks.get_mut(id) {
                Some(task) => task.seen(reported, &state.resource_version),
                None => self.add_task(id, template, reported),
            }
        }
    }

    /// Adds a task that is new in the set.
    fn add_task(&mut self, id: &str, template: &Value, reported: bool) {
        let template = Template(template.clone());
        self.rounds += 1;
        let task = match reported {
            true => Some(Task::already_reported(&template, self.rounds)),
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

    /// The time of the next report, deadline or watch, if no event comes earlier.
    fn next_wakeup(&self) -> Instant {
        let may_report = self.may_report() && self.reporter.is_idle();
        let reports = self.tasks.values().filter(|task| may_report && (task.is_open() || self.may_begin()));
        let reports = reports.filter_map(Task::due).map(|at| at.max(self.reporter.not_before()));
        let deadlines = self.deadlines.iter().map(|deadline| deadline.at);
        let watched = self.watched_from().filter(|_| self.watch.is_none());
        let first = reports.chain(deadlines).chain(watched).min();
        first.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))
    }

    /// Handles deadlines and checks that are due.
    fn timer_elapsed(&mut self) {
        self.expire();
        self.check_reported_tasks();
    }
}
