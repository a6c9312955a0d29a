//! The table: single flight, the cap on jobs in flight, retention, leases and the drain.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::job::{Ending, Job, JobSpec, JobState, Phase, Stop, View, locked};
use super::key::JobKey;
use crate::outcome::Outputs;
use crate::progress::Progress;

/// How much the table takes on, and how long it remembers.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Jobs that work at a time; the rest queue, first come, first served.
    pub running: usize,
    /// Finished jobs kept for a re-poll.
    pub kept: usize,
    /// Bytes of messages and outputs of finished jobs kept.
    pub kept_bytes: usize,
    /// A job that nobody asked for in this long is cancelled: its agent is gone.
    pub lease: Duration,
}

/// The table is draining: ask the next sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("argo-buildkit is shutting down and takes no new steps; the agent will ask again")]
pub struct Draining;

/// All jobs of this process. Clones share one table.
#[derive(Clone)]
pub struct JobTable(Arc<Inner>);

struct Inner {
    limits: Limits,
    slots: Arc<Semaphore>,
    entries: Mutex<Entries>,
    tasks: TaskTracker,
    draining: CancellationToken,
}

#[derive(Default)]
struct Entries {
    jobs: HashMap<JobKey, Arc<Job>>,
    queue: VecDeque<JobKey>,
    /// Oldest first, each with its size in bytes.
    done: VecDeque<(JobKey, usize)>,
    done_bytes: usize,
}

impl JobTable {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        let slots = Arc::new(Semaphore::new(limits.running));
        let table = Self(Arc::new(Inner {
            limits,
            slots,
            entries: Mutex::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
        }));
        tokio::spawn(reap(Arc::downgrade(&table.0)));
        table
    }

    /// The job `key`, if there is one. While draining, only a job that ended by itself is reported: what
    /// the drain stopped is nobody's to report, and the sidecar that comes next will resume it.
    pub fn poll(&self, key: &JobKey) -> Option<Result<View, Draining>> {
        let entries = locked(&self.0.entries);
        let job = entries.jobs.get(key)?;
        if self.is_draining() && !job.ended_by_itself() {
            return Some(Err(Draining));
        }
        job.touch();
        Some(Ok(entries.view(key, job)))
    }

    /// The job `key`, started as `spec` says if there is none. Of concurrent callers one starts it.
    pub fn poll_or_start(&self, key: &JobKey, spec: JobSpec) -> Result<View, Draining> {
        self.start(key, spec)?;
        self.poll(key).unwrap_or(Err(Draining))
    }

    /// Stops the job `key`, which Argo no longer waits for. Says whether there was one to stop.
    pub fn withdraw(&self, key: &JobKey) -> bool {
        let found = locked(&self.0.entries).jobs.get(key).cloned();
        let job = found.filter(|job| job.goes_on());
        job.inspect(|job| job.stop(Stop::Withdrawn)).is_some()
    }

    /// A job's state and progress as they change, for a caller that waits instead of polling.
    pub fn watch(&self, key: &JobKey) -> Option<(watch::Receiver<JobState>, watch::Receiver<Progress>)> {
        locked(&self.0.entries).jobs.get(key).map(|job| job.watch())
    }

    /// How many jobs queue, and how many work.
    pub fn load(&self) -> (usize, usize) {
        let queued = locked(&self.0.entries).queue.len();
        (queued, self.0.limits.running - self.0.slots.available_permits())
    }

    /// Whether the table takes no more jobs.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Takes no more jobs, stops those there are, and waits until the last has ended, at most `grace`.
    /// Says whether all of them did.
    pub async fn drain(&self, grace: Duration) -> bool {
        let jobs: Vec<_> = {
            let entries = locked(&self.0.entries);
            self.0.draining.cancel();
            entries.jobs.values().cloned().collect()
        };
        self.0.tasks.close();
        jobs.iter().for_each(|job| job.stop(Stop::Draining));
        tokio::time::timeout(grace, self.0.tasks.wait()).await.is_ok()
    }

    fn start(&self, key: &JobKey, spec: JobSpec) -> Result<(), Draining> {
        let mut entries = locked(&self.0.entries);
        if entries.jobs.contains_key(key) {
            return Ok(());
        }
        // Looked at under the lock: a drain stops every job that got in before it.
        if self.is_draining() {
            return Err(Draining);
        }
        let job = Arc::new(Job::new());
        entries.jobs.insert(key.clone(), job.clone());
        let free = self.0.slots.clone().try_acquire_owned().ok().filter(|_| entries.queue.is_empty());
        match &free {
            Some(_) => job.begin(),
            None => entries.queue.push_back(key.clone()),
        }
        let (inner, key) = (self.0.clone(), key.clone());
        let span = tracing::Span::current();
        self.0.tasks.spawn(tracing::Instrument::instrument(
            async move {
                let ending = job.run(spec, inner.slot(&key, free)).await;
                inner.retain(key, &ending);
                job.finish(ending);
            },
            span,
        ));
        Ok(())
    }
}

impl Entries {
    fn view(&self, key: &JobKey, job: &Job) -> View {
        let place = || self.queue.iter().position(|queued| queued == key).map_or(1, |n| n + 1);
        let phase = match job.state() {
            JobState::Queued => Phase::Queued(place()),
            JobState::Running => Phase::Running(job.progress()),
            JobState::Done(ending) => Phase::Done(ending),
        };
        View { phase, elapsed: job.accepted.elapsed() }
    }
}

impl Inner {
    /// The place among the jobs that work that was free at once, or else the next one, out of the queue.
    async fn slot(&self, key: &JobKey, free: Option<OwnedSemaphorePermit>) -> Option<OwnedSemaphorePermit> {
        if free.is_some() {
            return free;
        }
        let slot = self.slots.clone().acquire_owned().await.ok();
        locked(&self.entries).queue.retain(|queued| queued != key);
        slot
    }

    /// Remembers an ended job, and forgets the oldest ones over the limits, but never this one: its
    /// agent has not heard of it yet.
    fn retain(&self, key: JobKey, ending: &Ending) {
        let bytes = size(ending);
        let entries = &mut *locked(&self.entries);
        entries.queue.retain(|queued| queued != &key);
        entries.done_bytes += bytes;
        entries.done.push_back((key, bytes));
        while entries.done.len() > 1
            && (entries.done.len() > self.limits.kept || entries.done_bytes > self.limits.kept_bytes)
        {
            let Some((oldest, bytes)) = entries.done.pop_front() else { break };
            entries.done_bytes -= bytes;
            entries.jobs.remove(&oldest);
        }
    }
}

fn size(ending: &Ending) -> usize {
    let outputs = |o: &Outputs| o.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
    match ending {
        Ok(success) => success.summary.len() + outputs(&success.outputs),
        Err(error) => error.message.len() + outputs(&error.outputs),
    }
}

/// Stops jobs whose lease has run out, until the table is gone.
async fn reap(table: std::sync::Weak<Inner>) {
    loop {
        let Some(lease) = table.upgrade().map(|inner| inner.limits.lease) else { return };
        tokio::time::sleep((lease / 4).min(Duration::from_secs(5))).await;
        let Some(inner) = table.upgrade() else { return };
        let jobs: Vec<_> = locked(&inner.entries).jobs.values().cloned().collect();
        jobs.iter().filter(|job| job.unpolled() > lease).for_each(|job| job.stop(Stop::Abandoned(lease)));
    }
}
