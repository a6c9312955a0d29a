//! The content of the table under its lock: the jobs, and how long ended jobs are kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ending::Ending;
use super::job::{Job, JobState, Phase, View};
use super::key::JobKey;
use super::queue::{Queue, QueuePosition};
use crate::outcome::Outputs;

/// The limits of the table: how many jobs run, and how long ended jobs are kept.
#[derive(Debug, Clone)]
pub struct JobLimits {
    /// The number of jobs that run at a time; the rest are queued.
    pub running: usize,
    /// The number of jobs of one group that run at a time. Waiting groups take turns; within a group, jobs start in
    /// order of arrival.
    pub per_group: usize,
    /// The number of finished jobs that are kept for a later poll.
    pub kept: usize,
    /// The size in bytes of the messages and outputs of finished jobs that are kept.
    pub kept_bytes: usize,
    /// A job that was not polled for this long is cancelled, because its agent is gone. `None` if nobody polls.
    pub lease: Option<Duration>,
}

/// The running, queued and finished jobs.
pub(super) struct Entries {
    pub(super) jobs: HashMap<JobKey, Arc<Job>>,
    /// Jobs that were forgotten before they ended. Each key has its newest job, which ends after the earlier ones.
    pub(super) leaving: HashMap<JobKey, Arc<Job>>,
    pub(super) queue: Queue<Arc<Job>>,
    /// Finished jobs, oldest first, each with its size in bytes.
    done: VecDeque<(JobKey, usize)>,
    done_bytes: usize,
}

impl Entries {
    pub(super) fn new(queue: Queue<Arc<Job>>) -> Self {
        let (jobs, leaving) = (HashMap::new(), HashMap::new());
        Self { jobs, leaving, queue, done: VecDeque::new(), done_bytes: 0 }
    }

    pub(super) fn view(&self, job: &Job) -> View {
        let first = QueuePosition { number: 1, of_group: false };
        let queued = |ticket| Phase::Queued(self.queue.position(ticket).unwrap_or(first));
        let phase = match job.state() {
            JobState::Queued => job.ticket.get().map_or(Phase::Held, queued),
            JobState::Running => Phase::Running(job.progress()),
            JobState::Done(ending) => Phase::Done(ending),
        };
        View { phase, elapsed: job.accepted.elapsed() }
    }

    /// Keeps an ended job, and forgets the oldest ones over the limits. It never forgets this one, because its
    /// waiting caller has not received the ending yet.
    pub(super) fn retain(&mut self, key: JobKey, ending: &Ending, limits: &JobLimits) {
        let bytes = size(ending);
        self.done_bytes += bytes;
        self.done.push_back((key, bytes));
        while self.done.len() > 1 && (self.done.len() > limits.kept || self.done_bytes > limits.kept_bytes) {
            let Some((oldest, bytes)) = self.done.pop_front() else { break };
            self.done_bytes -= bytes;
            self.jobs.remove(&oldest);
        }
    }

    pub(super) fn drop_done(&mut self, key: &JobKey) {
        let place = self.done.iter().position(|(done, _)| done == key);
        let dropped = place.and_then(|place| self.done.remove(place));
        self.done_bytes -= dropped.map_or(0, |(_, bytes)| bytes);
    }
}

fn size(ending: &Ending) -> usize {
    let outputs = |o: &Outputs| o.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
    match ending {
        Ok(success) => success.summary.len() + outputs(&success.outputs),
        Err(error) => error.message.len() + outputs(&error.outputs),
    }
}
