//! The table: single flight, who works and who waits, retention, leases and the drain.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ending::{Ending, locked};
use super::entries::{Entries, Limits};
use super::job::{Job, JobSpec, JobState, View};
use super::journal::{Admission, Journal};
use super::key::JobKey;
use super::queue::{Group, Queue};
use super::stop::Stop;
use crate::metrics::Metrics;
use crate::progress::Progress;

/// The table is draining: ask the next sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("argo-buildkit is shutting down and takes no new steps; the agent will ask again")]
pub struct Draining;

/// All jobs of this process. Clones share one table.
#[derive(Clone)]
pub struct JobTable(Arc<Inner>);

struct Inner {
    limits: Limits,
    metrics: Arc<Metrics>,
    journal: Option<Journal>,
    entries: Mutex<Entries>,
    tasks: TaskTracker,
    draining: CancellationToken,
}

impl JobTable {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        Self::counted(limits, Arc::default())
    }

    /// An empty table that tells `metrics` how long its jobs waited.
    pub fn counted(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self::journaled(limits, metrics, None)
    }

    /// The same whose jobs are in `journal` while they work.
    pub fn journaled(limits: Limits, metrics: Arc<Metrics>, journal: Option<Journal>) -> Self {
        let (lease, queue) = (limits.lease, Queue::new(limits.running, limits.per_group));
        let table = Self(Arc::new(Inner {
            limits,
            metrics,
            journal,
            entries: Mutex::new(Entries::new(queue)),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
        }));
        if let Some(lease) = lease {
            tokio::spawn(reap(Arc::downgrade(&table.0), lease));
        }
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
        Some(Ok(entries.view(job)))
    }

    /// The job `key`, started as `spec` says if there is none. Of concurrent callers one starts it.
    pub fn poll_or_start(&self, key: &JobKey, spec: JobSpec) -> Result<View, Draining> {
        self.start(key, spec)?;
        self.poll(key).unwrap_or(Err(Draining))
    }

    /// Stops the job `key`, which Argo no longer waits for. Says whether there was one to stop.
    pub fn withdraw(&self, key: &JobKey) -> bool {
        self.stop(key, Stop::Withdrawn)
    }

    /// Stops the job `key`, as its own limit would, for having taken longer than `limit`. Says whether there was one to
    /// stop.
    pub fn time_out(&self, key: &JobKey, limit: Duration) -> bool {
        self.stop(key, Stop::TimedOut(limit))
    }

    /// Stops the job `key` because its workflow has taken longer than `limit`. Says whether there was one to stop.
    pub fn expire(&self, key: &JobKey, limit: Duration) -> bool {
        self.stop(key, Stop::Expired(limit))
    }

    /// Stops the job `key` if it has not ended, and knows nothing of it from now on: whoever asks for `key` again
    /// starts a new one. That one begins once the work of the old one has ended, with whatever push was in flight: two
    /// at a time would follow, and end, one another's builds, which are called by the key.
    pub fn forget(&self, key: &JobKey) {
        let entries = &mut *locked(&self.0.entries);
        let Some(job) = entries.jobs.remove(key) else { return };
        if job.has_ended() {
            entries.drop_done(key);
        } else {
            job.stop(Stop::Withdrawn);
            entries.leaving.insert(key.clone(), job);
        }
    }

    /// A job's state and progress as they change, for a caller that waits instead of polling.
    pub fn watch(&self, key: &JobKey) -> Option<(watch::Receiver<JobState>, watch::Receiver<Progress>)> {
        locked(&self.0.entries).jobs.get(key).map(|job| job.watch())
    }

    /// How many jobs queue, and how many work.
    pub fn load(&self) -> (usize, usize) {
        locked(&self.0.entries).queue.load()
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
        for job in &jobs {
            job.stop(Stop::Draining);
        }
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
        let before = entries.leaving.get(key).cloned();
        let job = Arc::new(Job::new());
        entries.jobs.insert(key.clone(), job.clone());
        let journal = self.0.journal.clone();
        if journal.as_ref().is_none_or(|journal| journal.is_free(key)) {
            self.0.join(&mut entries, &job, spec.group.clone());
        }
        let (inner, key) = (self.0.clone(), key.clone());
        let span = tracing::Span::current();
        self.0.tasks.spawn(tracing::Instrument::instrument(
            async move {
                let admitted = inner.admitted(journal, &key, &job, spec.group.clone());
                let ending = job.run(spec, before, admitted).await;
                inner.ended(key, &job, ending);
            },
            span,
        ));
        Ok(())
    }

    fn stop(&self, key: &JobKey, cause: Stop) -> bool {
        let found = locked(&self.0.entries).jobs.get(key).cloned();
        found.is_some_and(|job| job.stop(cause))
    }
}

impl Inner {
    /// Waits until the journal lets the job begin, and puts it into the queue, unless it is there.
    async fn admitted(
        &self,
        journal: Option<Journal>,
        key: &JobKey,
        job: &Arc<Job>,
        group: Group,
    ) -> Admission {
        let Some(journal) = journal else { return Admission::Unrecorded };
        let mut admission = journal.admit(key.clone()).await;
        if job.ticket.get().is_none() {
            self.join(&mut locked(&self.entries), job, group);
        }
        if !job.has_begun() {
            admission.waits();
        }
        admission
    }

    fn join(&self, entries: &mut Entries, job: &Arc<Job>, group: Group) {
        let ticket = entries.queue.ticket(group);
        let ticket = job.ticket.get_or_init(|| ticket);
        entries.queue.join(ticket, job.clone());
        self.fill(entries);
    }

    /// Starts everybody who may.
    fn fill(&self, entries: &mut Entries) {
        while let Some(job) = entries.queue.start() {
            self.metrics.job_waited(job.accepted.elapsed());
            job.begin();
        }
    }

    /// The job's work is over: its slot goes to the next, and its ending to whoever asks, unless it was forgotten.
    fn ended(&self, key: JobKey, job: &Arc<Job>, ending: Ending) {
        let entries = &mut *locked(&self.entries);
        if let Some(ticket) = job.ticket.get() {
            entries.queue.leave(ticket);
            self.fill(entries);
        }
        if entries.leaving.get(&key).is_some_and(|leaving| Arc::ptr_eq(leaving, job)) {
            entries.leaving.remove(&key);
        }
        if entries.jobs.get(&key).is_some_and(|known| Arc::ptr_eq(known, job)) {
            entries.retain(key, &ending, &self.limits);
        }
        // Under the lock: a job whose ending is kept is never seen at work.
        job.finish(ending);
    }
}

/// Stops jobs whose lease has run out, until the table is gone.
async fn reap(table: std::sync::Weak<Inner>, lease: Duration) {
    loop {
        tokio::time::sleep((lease / 4).min(Duration::from_secs(5))).await;
        let Some(inner) = table.upgrade() else { return };
        let jobs: Vec<_> = locked(&inner.entries).jobs.values().cloned().collect();
        for job in jobs.iter().filter(|job| job.unpolled() > lease) {
            job.stop(Stop::Abandoned(lease));
        }
    }
}
