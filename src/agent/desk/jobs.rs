//! A desk's jobs: begun, watched, and what became of them.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Desk;
use crate::agent::hold::Hold;
use crate::agent::task::{Change, Stage, Task};
use crate::argo::{self, Template};
use crate::engine::{Errand, Reference};
use crate::jobs::{JobContext, JobKey, JobSpec, JobState};

impl Desk {
    /// The task `id`, begun or refused; nothing where the process is about to end.
    pub(super) fn begin(&mut self, id: &str, template: &Template) -> Option<Task> {
        let round = self.rounds;
        let task = match self.valid(template) {
            Ok(task) => task,
            Err(why) => return Some(Task::refused(template, round, why)),
        };
        let limit = task.limit;
        let key = JobKey::of_node(&self.workflow.namespace, &self.workflow.uid, id);
        let agent = self.agent.clone();
        agent.jobs.poll_or_start(&key, self.spec(&key, task)).ok()?;
        let (state, _) = agent.jobs.watch(&key)?;
        self.follow(id.to_owned(), round, state);
        Some(Task::going(template, round, limit, Hold::new(&agent.jobs, key, &agent.metrics)))
    }

    fn valid(&self, template: &Template) -> Result<argo::Task, String> {
        let body = template.step().unwrap_or(&Value::Null);
        let task = template.task(body, self.agent.default_timeout)?;
        let permitted = self.agent.engine.permits(&self.workflow.namespace, &task.step);
        permitted.map_err(|error| error.message)?;
        Ok(task)
    }

    fn spec(&self, key: &JobKey, task: argo::Task) -> JobSpec {
        let (engine, workflow) = (self.agent.engine.clone(), self.workflow.clone());
        let reference = Some(Reference { name: key.to_string(), reused: true });
        let work = async move |job: JobContext| {
            let JobContext { progress, gate, deadline } = job;
            engine.run(task.step, Errand { workflow, reference, progress, gate, deadline }).await
        };
        JobSpec::new(task.limit, work).of_group(&self.workflow.namespace)
    }

    fn follow(&mut self, id: String, round: u64, mut state: watch::Receiver<JobState>) {
        let begins = async move {
            let waited = state.wait_for(|state| !matches!(state, JobState::Queued)).await;
            let change = match waited.map(|state| state.clone()) {
                Ok(JobState::Done(ending)) => Change::Ended(ending),
                Ok(_) => Change::Began(state),
                Err(_) => Change::Lost,
            };
            (id, round, change)
        };
        self.changes.push(begins.boxed());
    }

    fn follow_to_the_end(&mut self, id: String, round: u64, mut state: watch::Receiver<JobState>) {
        let ends = async move {
            let change = match state.wait_for(|state| matches!(state, JobState::Done(_))).await.as_deref() {
                Ok(JobState::Done(ending)) => Change::Ended(Arc::clone(ending)),
                _ => Change::Lost,
            };
            (id, round, change)
        };
        self.changes.push(ends.boxed());
    }

    /// A job has come so far.
    pub(super) fn changed(&mut self, id: &str, round: u64, change: Change) {
        let jobs = self.agent.jobs.clone();
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.round == round) else { return };
        match change {
            Change::Began(state) => {
                if let Stage::Going(going) = &mut task.stage {
                    going.running = Some(Instant::now());
                }
                self.follow_to_the_end(id.to_owned(), round, state);
            }
            // What the end of this process stopped is for the next one to do.
            Change::Ended(_)
                if task.hold().is_some_and(|hold| matches!(jobs.poll(hold.key()), Some(Err(_)))) =>
            {
                task.stage = Stage::Dropped;
            }
            Change::Ended(ending) => task.ended(&ending),
            Change::Lost => task.stage = Stage::Dropped,
        }
    }
}
