//! The jobs of a worker: starts them, follows their states, and handles their ends.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{TaskSetWorker, waiting};
use crate::agent::task::{Done, JobChange, Stage, Task};
use crate::agent::task_job::TaskJob;
use crate::argo::{Template, TimedStep};
use crate::engine::{Reference, StepRequest};
use crate::jobs::{Ending, JobContext, JobKey, JobSpec, JobState};
use crate::outcome::StepError;
use crate::templates::stable_template;

/// A job that was queued for longer may have been stopped meanwhile: its node was reported as Pending, and Argo
/// applies its own limits to such nodes.
const QUEUED: Duration = Duration::from_secs(1);

/// The memory in bytes that a task takes until its job has ended, whether the job is queued or running: a fixed part,
/// and a factor for each byte of its template, which is kept as Argo's JSON, as the parsed step, and in the guard of
/// reports.
const MEMORY: (usize, usize) = (4 << 10, 5);

impl TaskSetWorker {
    /// Starts the task `id`, or refuses it. Returns `None` if the process is shutting down.
    pub(super) fn begin(&mut self, id: &str, template: &Template) -> Option<Task> {
        let round = self.rounds;
        let task = match self.valid(template) {
            Ok(task) => task,
            Err(why) => return Some(Task::refused(template, round, StepError::user(why))),
        };
        let namespace = &self.workflow.namespace;
        let memory = self.agent.memory.of(Some(namespace));
        let Some(held) = memory.try_take(MEMORY.0 + MEMORY.1 * template.size()) else {
            return Some(Task::refused(template, round, crowded(namespace, memory.allowed())));
        };
        // If the task may have waited for a lock, the node's start is not the start of its work. The job's own limit
        // applies instead.
        let limit = if task.waits { Duration::MAX } else { task.limit };
        let key = JobKey::of_node(&self.workflow.namespace, &self.workflow.uid, id);
        let agent = self.agent.clone();
        agent.jobs.poll_or_start(&key, self.spec(id, &key, template, task)).ok()?;
        let (state, _) = agent.jobs.watch(&key)?;
        self.follow(id.to_owned(), round, state, |state| !matches!(state, JobState::Queued));
        Some(Task::started(template, round, limit, TaskJob::new(&agent.jobs, key, &agent.metrics, held)))
    }

    fn valid(&self, template: &Template) -> Result<TimedStep, String> {
        let body = template.step().unwrap_or(&Value::Null);
        let task = template.timed_step(body, self.agent.default_timeout)?;
        let permitted = self.agent.engine.permits(&self.workflow.namespace, &task.step);
        permitted.map_err(|error| error.message)?;
        Ok(task)
    }

    fn spec(&self, id: &str, key: &JobKey, template: &Template, task: TimedStep) -> JobSpec {
        let (agent, workflow) = (self.agent.clone(), self.workflow.clone());
        // `argo retry -p` runs the same node with another template, which is another build.
        let name = JobKey::derive(&key.to_string(), &stable_template(&template.0)).to_string();
        let reference = Some(Reference(name));
        let (accepted, id) = (Instant::now(), id.to_owned());
        let work = async move |job: JobContext| {
            let JobContext { progress, gate, deadline } = job;
            if accepted.elapsed() > QUEUED && waiting::argo_stopped_waiting(&agent, &workflow, &id).await {
                return Err(StepError::user(
                    "cancelled before its start: Argo no longer waits for this step; its workflow was stopped or deleted, or \
                     its node timed out",
                ));
            }
            agent.engine.run(task.step, StepRequest { workflow, reference, progress, gate, deadline }).await
        };
        JobSpec::new(task.limit, work).of_group(&self.workflow.namespace)
    }

    /// Queues a change for when the job's state satisfies `reached`.
    fn follow(
        &mut self,
        id: String,
        round: u64,
        mut state: watch::Receiver<JobState>,
        reached: fn(&JobState) -> bool,
    ) {
        let comes = async move {
            let come = state.wait_for(reached).await.map(|state| state.clone());
            let change = match come {
                Ok(JobState::Done(ending)) => JobChange::Ended(ending),
                Ok(_) => JobChange::Began(state),
                Err(_) => JobChange::Removed,
            };
            (id, round, change)
        };
        self.changes.push(comes.boxed());
    }

    /// Handles a change of a job.
    pub(super) fn job_changed(&mut self, id: &str, round: u64, change: JobChange) {
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.round == round) else { return };
        match change {
            JobChange::Began(state) => {
                if let Stage::Unfinished(unfinished) = &mut task.stage {
                    unfinished.running = Some(Instant::now());
                }
                self.follow(id.to_owned(), round, state, |state| matches!(state, JobState::Done(_)));
            }
            JobChange::Ended(ending) => self.ended(id, &ending),
            JobChange::Removed | JobChange::Checked(true) => self.restart(id),
            JobChange::Checked(false) => {}
        }
    }

    fn ended(&mut self, id: &str, ending: &Ending) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let Some(job) = task.job() else { return };
        match self.agent.jobs.poll(job.key()) {
            Some(Ok(_)) => task.ended(ending),
            // The shutdown of this process stopped the job; the next process runs it again.
            Some(Err(_)) => task.dropped(),
            // Another worker has forgotten the job: that of a set which was created again for the same workflow.
            None => self.restart(id),
        }
    }

    /// Starts the task again, if it is still in the set.
    fn restart(&mut self, id: &str) {
        self.tasks.remove(id);
        self.reconcile();
    }

    /// Checks tasks that stay in the set although they are done. There are three cases: Argo has lost the final
    /// result, as when the controller dies between reading it and storing the node; Argo waits for the node again,
    /// and we missed the removal of the task; or the controller is about to remove the task.
    pub(super) fn check_reported_tasks(&mut self) {
        let (agent, workflow) = (self.agent.clone(), self.workflow.clone());
        for (id, task) in &mut self.tasks {
            let round = task.round;
            let Some(reported) = task.check_overdue().map(Done::is_reported) else { continue };
            let (agent, workflow, id) = (agent.clone(), workflow.clone(), id.clone());
            let asked = async move {
                let argo_waits = waiting::argo_waits(&agent, &workflow, &id).await.unwrap_or(reported);
                (id, round, JobChange::Checked(argo_waits))
            };
            self.changes.push(asked.boxed());
        }
    }
}

fn crowded(namespace: &str, allowed: usize) -> StepError {
    StepError::transient(format!(
        "this step was not begun: the steps of namespace `{namespace}` that wait and run have all of the memory that there is for \
         them ({} MiB for one namespace, half of what there is for all); run fewer workflows at a time, write less text into a \
         step, or run this one again later",
        allowed >> 20
    ))
}
