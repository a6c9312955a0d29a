//! The table of jobs: one job per key, the queue, retention of ended jobs, leases, and the drain.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ending::{Ending, locked};
use super::entries::{Entries, JobLimits};
use super::job::{Job, JobSpec, JobState, View};
use super::journal::{Admission, Journal};
use super::key::JobKey;
use super::queue::{Group, Queue};
use super::stop::Stop;
use crate::metrics::Metrics;
use crate::progress::Progress;

/// The table is draining: the next sidecar must be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("argo-buildkit is shutting down and takes no new steps; the agent will ask again")]
pub struct Draining;

/// All jobs of this process. Clones share the table.
#[derive(Clone)]
pub struct JobTable(Arc<Inner>);

struct Inner {
    limits: JobLimits,
    metrics: Arc<Metrics>,
    journal: Option<Journal>,
    entries: Mutex<Entries>,
    tasks: TaskTracker,
    draining: CancellationToken,
}

impl JobTable {
    /// An empty table.
    pub fn new(limits: JobLimits) -> Self {
        Self::counted(limits, Arc::default())
    }

    /// An empty table that records in `metrics` how long its jobs waited.
    pub fn counted(limits: JobLimits, metrics: Arc<Metrics>) -> Self {
        Self::journaled(limits, metrics, None)
    }

    /// Like [`Self::counted`], with running jobs recorded in `journal`.
    pub fn journaled(limits: JobLimits, metrics: Arc<Metrics>, journal: Option<Journal>) -> Self {
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

    /// The view of the job `key`; `None` if there is no such job. While draining, only a job that ended by itself is
    /// returned: nobody may report a job that the drain stopped, because the next sidecar resumes it.
    pub fn poll(&self, key: &JobKey) -> Option<Result<View, Draining>> {
        let entries = locked(&self.0.entries);
        let job = entries.jobs.get(key)?;
        if self.is_draining() && !job.ended_by_itself() {
            return Some(Err(Draining));
        }
        job.touch();
        Some(Ok(entries.view(job)))
    }

    /// The view of the job `key`. If there is no such job, starts one from `spec`; of concurrent callers only one
    /// starts it.
    pub fn poll_or_start(&self, key: &JobKey, spec: JobSpec) -> Result<View, Draining> {
        self.start(key, spec)?;
        self.poll(key).unwrap_or(Err(Draining))
    }

    /// Stops the job `key`, because Argo no longer waits for it. Returns whether there was a job to stop.
    pub fn withdraw(&self, key: &JobKey) -> bool {
        self.stop(key, Stop::Withdrawn)
    }

    /// Stops the job `key` because it has taken longer than `limit`, in the same way as its own time limit does.
    /// Returns whether there was a job to stop.
    pub fn time_out(&self, key: &JobKey, limit: Duration) -> bool {
        self.stop(key, Stop::TimedOut(limit))
    }

    /// Stops the job `key` because its workflow has taken longer than `limit`. Returns whether there was a job to
    /// stop.
    pub fn expire(&self, key: &JobKey, limit: Duration) -> bool {
        self.stop(key, Stop::Expired(limit))
    }

    /// Stops the job `key` if it has not ended, and forgets it: the next request for `key` starts a new job. The new
    /// job starts when the old one's work, including a push in flight, has ended. Two jobs at a time would follow and
    /// end each other's builds, which are named after the key.
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

    /// Receivers of the state and progress of the job `key`, for a caller that waits instead of polling.
    pub fn watch(&self, key: &JobKey) -> Option<(watch::Receiver<JobState>, watch::Receiver<Progress>)> {
        locked(&self.0.entries).jobs.get(key).map(|job| job.watch())
    }

    /// The number of queued jobs, and of running jobs.
    pub fn load(&self) -> (usize, usize) {
        locked(&self.0.entries).queue.load()
    }

    /// Whether the table accepts no more jobs.
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// Stops accepting jobs, stops the existing ones, and waits until all have ended, at most `grace`. Returns
    /// whether all have ended.
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
        // Checked under the lock, so that a drain stops every job that was added before it.
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
    /// Waits until the journal allows the job to start, and adds it to the queue if it is not there.
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

    /// Starts all jobs that may start.
    fn fill(&self, entries: &mut Entries) {
        while let Some(job) = entries.queue.start() {
            self.metrics.job_waited(job.accepted.elapsed());
            job.begin();
        }
    }

    /// Handles the end of a job's work: gives its slot to the next job, and publishes its ending unless the job was
    /// forgotten.
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
        // Called under the lock, so that a job whose ending is kept is never seen as running.
        job.finish(ending);
    }
}

/// Stops jobs whose lease has expired, until the table is dropped.
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
