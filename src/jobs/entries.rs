//! What the table holds under its lock: the jobs there are, and how long the ended ones are remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ending::Ending;
use super::job::{Job, JobState, Phase, View};
use super::key::JobKey;
use super::queue::{Place, Queue};
use crate::outcome::Outputs;

/// How much the table takes on, and how long it remembers.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Jobs that work at a time; the rest queue.
    pub running: usize,
    /// Jobs of one group that work at a time. Groups that wait take turns; in a group, first come, first served.
    pub per_group: usize,
    /// Finished jobs kept for a re-poll.
    pub kept: usize,
    /// Bytes of messages and outputs of finished jobs kept.
    pub kept_bytes: usize,
    /// A job that nobody asked for in this long is cancelled: its agent is gone. None where nobody asks.
    pub lease: Option<Duration>,
}

/// Who works, who waits, and who has ended.
pub(super) struct Entries {
    pub(super) jobs: HashMap<JobKey, Arc<Job>>,
    /// Forgotten before they ended: of each key the last, which ends after those before it.
    pub(super) leaving: HashMap<JobKey, Arc<Job>>,
    pub(super) queue: Queue<Arc<Job>>,
    /// Oldest first, each with its size in bytes.
    done: VecDeque<(JobKey, usize)>,
    done_bytes: usize,
}

impl Entries {
    pub(super) fn new(queue: Queue<Arc<Job>>) -> Self {
        let (jobs, leaving) = (HashMap::new(), HashMap::new());
        Self { jobs, leaving, queue, done: VecDeque::new(), done_bytes: 0 }
    }

    pub(super) fn view(&self, job: &Job) -> View {
        let first = Place { number: 1, of_group: false };
        let queued = |ticket| Phase::Queued(self.queue.place(ticket).unwrap_or(first));
        let phase = match job.state() {
            JobState::Queued => job.ticket.get().map_or(Phase::Held, queued),
            JobState::Running => Phase::Running(job.progress()),
            JobState::Done(ending) => Phase::Done(ending),
        };
        View { phase, elapsed: job.accepted.elapsed() }
    }

    /// Remembers an ended job, and forgets the oldest ones over the limits, but never this one: whoever
    /// waits for it has not heard of it yet.
    pub(super) fn retain(&mut self, key: JobKey, ending: &Ending, limits: &Limits) {
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
