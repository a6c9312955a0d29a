//! A desk's jobs: begun, watched, and what became of them.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Desk, waiting};
use crate::agent::hold::Hold;
use crate::agent::task::{Change, Over, Stage, Task};
use crate::argo::{Template, TimedStep};
use crate::engine::{Errand, Reference};
use crate::jobs::{Ending, JobContext, JobKey, JobSpec, JobState};
use crate::outcome::StepError;

/// A job that has queued for so long may have been stopped meanwhile: it was reported as Pending, and Argo acts by that.
const QUEUED: Duration = Duration::from_secs(1);

/// Bytes that a task takes until its job has ended, whether that runs or queues: for itself, and for each byte of its template,
/// which is there as Argo's JSON, as the parsed step, and in what reports are guarded by.
const MEMORY: (usize, usize) = (4 << 10, 5);

impl Desk {
    /// The task `id`, begun or refused; nothing where the process is about to end.
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
        // The node of one that may have waited for a lock says nothing of when its time began; the job's own limit does.
        let limit = if task.waits { Duration::MAX } else { task.limit };
        let key = JobKey::of_node(&self.workflow.namespace, &self.workflow.uid, id);
        let agent = self.agent.clone();
        agent.jobs.poll_or_start(&key, self.spec(id, &key, template, task)).ok()?;
        let (state, _) = agent.jobs.watch(&key)?;
        self.follow(id.to_owned(), round, state, |state| !matches!(state, JobState::Queued));
        Some(Task::going(template, round, limit, Hold::new(&agent.jobs, key, &agent.metrics, held)))
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
        // The same node with another template, as `argo retry -p` makes it, is another build.
        let name = JobKey::derive(&key.to_string(), &template.0).to_string();
        let reference = Some(Reference(name));
        let (accepted, id) = (Instant::now(), id.to_owned());
        let work = async move |job: JobContext| {
            let JobContext { progress, gate, deadline } = job;
            if accepted.elapsed() > QUEUED && waiting::left(&agent, &workflow, &id).await {
                return Err(StepError::user(
                    "cancelled before its start: Argo no longer waits for this step; its workflow was stopped or deleted, or \
                     its node timed out",
                ));
            }
            agent.engine.run(task.step, Errand { workflow, reference, progress, gate, deadline }).await
        };
        JobSpec::new(task.limit, work).of_group(&self.workflow.namespace)
    }

    /// Hears of the job when it has come `so_far`.
    fn follow(
        &mut self,
        id: String,
        round: u64,
        mut state: watch::Receiver<JobState>,
        so_far: fn(&JobState) -> bool,
    ) {
        let comes = async move {
            let come = state.wait_for(so_far).await.map(|state| state.clone());
            let change = match come {
                Ok(JobState::Done(ending)) => Change::Ended(ending),
                Ok(_) => Change::Began(state),
                Err(_) => Change::Lost,
            };
            (id, round, change)
        };
        self.changes.push(comes.boxed());
    }

    /// A job has come so far.
    pub(super) fn changed(&mut self, id: &str, round: u64, change: Change) {
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.round == round) else { return };
        match change {
            Change::Began(state) => {
                if let Stage::Going(going) = &mut task.stage {
                    going.running = Some(Instant::now());
                }
                self.follow(id.to_owned(), round, state, |state| matches!(state, JobState::Done(_)));
            }
            Change::Ended(ending) => self.ended(id, &ending),
            Change::Lost | Change::Asked(true) => self.again(id),
            Change::Asked(false) => {}
        }
    }

    fn ended(&mut self, id: &str, ending: &Ending) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let Some(hold) = task.hold() else { return };
        match self.agent.jobs.poll(hold.key()) {
            Some(Ok(_)) => task.ended(ending),
            // What the end of this process stopped is for the next one to do.
            Some(Err(_)) => task.dropped(),
            // Another desk has let go of it: that of a set which was made anew for the same workflow.
            None => self.again(id),
        }
    }

    /// Begins the task anew, if it is still there.
    fn again(&mut self, id: &str) {
        self.tasks.remove(id);
        self.look();
    }

    /// Asks about the tasks that stay although they are over. Either Argo has forgotten the end that it took, as when
    /// the controller dies between taking it and keeping the node; or it waits for the node again, and the sight of the task's
    /// leaving was missed; or it is about to take the task away.
    pub(super) fn ask(&mut self) {
        let (agent, workflow) = (self.agent.clone(), self.workflow.clone());
        for (id, task) in &mut self.tasks {
            let round = task.round;
            let Some(told) = task.asks().map(Over::was_told) else { continue };
            let (agent, workflow, id) = (agent.clone(), workflow.clone(), id.clone());
            let asked = async move {
                let waits = waiting::waits(&agent, &workflow, &id).await.unwrap_or(told);
                (id, round, Change::Asked(waits))
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
