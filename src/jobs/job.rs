//! One job: its states, its work, and the three ways in which it ends.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ending::{Ending, locked};
use super::journal::Admission;
use super::queue::{Group, QueuePosition, Ticket};
use super::stop::{Stop, panicked};
use crate::outcome::StepError;
use crate::progress::Progress;
use crate::push_gate::PushGate;

/// The work of a job, which is started at most once.
type Work = Box<dyn FnOnce(JobContext) -> BoxFuture<'static, Ending> + Send>;

/// The time that a stopped job still has, after its push has ended, to report the outcome of the push.
const REPORT_GRACE: Duration = Duration::from_secs(5);

/// The specification of a new job.
pub struct JobSpec {
    work: Work,
    limit: Duration,
    pub(super) group: Group,
}

impl JobSpec {
    /// A job that runs `work`, with the time `limit` counted from when it is accepted.
    pub fn new<F>(limit: Duration, work: impl FnOnce(JobContext) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Ending> + Send + 'static,
    {
        Self { work: Box::new(|context| work(context).boxed()), limit, group: Group::from("") }
    }

    /// Puts the job into `group`. The jobs of a group share a limit, and groups take turns. By default all jobs are
    /// in one group.
    #[must_use]
    pub fn of_group(self, group: &str) -> Self {
        Self { group: Group::from(group), ..self }
    }
}

/// What the table gives to a job's work.
pub struct JobContext {
    /// Receives the progress of the work.
    pub progress: watch::Sender<Progress>,
    /// Must be entered before a push and held while the push is in flight: a stop waits for it.
    pub gate: Arc<PushGate>,
    /// The time at which the job reaches its limit.
    pub deadline: Instant,
}

/// The state of a job.
#[derive(Debug, Clone)]
pub enum JobState {
    /// The job was accepted and waits for a slot.
    Queued,
    /// The work is running.
    Running,
    /// The job ended; the ending never changes.
    Done(Arc<Ending>),
}

/// The state of a job at one poll.
#[derive(Debug, Clone)]
pub struct View {
    /// The phase of the job.
    pub phase: Phase,
    /// The time since the job was accepted.
    pub elapsed: Duration,
}

/// The state of a job, with the details that a poll returns.
#[derive(Debug, Clone)]
pub enum Phase {
    /// The job waits until steps that were interrupted when the process was killed have started again.
    Held,
    /// The job waits for a slot, at this position of the queue.
    Queued(QueuePosition),
    /// The job is running, with this progress.
    Running(Progress),
    /// The job has ended.
    Done(Arc<Ending>),
}

/// A job in the table.
pub(super) struct Job {
    pub(super) accepted: Instant,
    /// Set when the job joins the queue.
    pub(super) ticket: OnceLock<Ticket>,
    state: watch::Sender<JobState>,
    progress: watch::Sender<Progress>,
    stop: CancellationToken,
    cause: Mutex<Option<Stop>>,
    polled: Mutex<Instant>,
    gate: Arc<PushGate>,
}

impl Job {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            accepted: now,
            ticket: OnceLock::new(),
            state: watch::Sender::new(JobState::Queued),
            progress: watch::Sender::new(Progress::default()),
            stop: CancellationToken::new(),
            cause: Mutex::new(None),
            polled: Mutex::new(now),
            gate: Arc::default(),
        }
    }

    pub(super) fn state(&self) -> JobState {
        self.state.borrow().clone()
    }

    pub(super) fn watch(&self) -> (watch::Receiver<JobState>, watch::Receiver<Progress>) {
        (self.state.subscribe(), self.progress.subscribe())
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    pub(super) fn touch(&self) {
        *locked(&self.polled) = Instant::now();
    }

    pub(super) fn unpolled(&self) -> Duration {
        locked(&self.polled).elapsed()
    }

    /// Whether the job ended for another reason than the end of the process. If the process stopped it, its work may
    /// have succeeded nevertheless.
    pub(super) fn ended_by_itself(&self) -> bool {
        let well = matches!(self.state(), JobState::Done(ending) if ending.is_ok());
        well || self.has_ended() && *locked(&self.cause) != Some(Stop::Draining)
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(*self.state.borrow(), JobState::Done(_))
    }

    /// Whether the job has or had a slot.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(*self.state.borrow(), JobState::Queued)
    }

    /// Whether the job has not ended and was not told to stop.
    pub(super) fn goes_on(&self) -> bool {
        !self.has_ended() && !self.stop.is_cancelled()
    }

    /// Stops the job for `cause`. Returns false if it has ended or is already being stopped.
    pub(super) fn stop(&self, cause: Stop) -> bool {
        let goes_on = self.goes_on();
        if goes_on {
            locked(&self.cause).get_or_insert(cause);
            self.stop.cancel();
        }
        goes_on
    }

    /// Marks the job as running, because it has a slot.
    pub(super) fn begin(&self) {
        self.state.send_replace(JobState::Running);
    }

    /// Sets the final ending of the job.
    pub(super) fn finish(&self, ending: Ending) {
        self.state.send_replace(JobState::Done(Arc::new(ending)));
    }

    /// Waits until the job is `admitted` to the queue, until it has a slot, and until the earlier job `before` has
    /// ended. Then it runs the work until its end, the limit, or a stop, whichever is first.
    pub(super) async fn run(
        &self,
        spec: JobSpec,
        before: Option<Arc<Self>>,
        admitted: impl Future<Output = Admission>,
    ) -> Ending {
        let deadline = self.accepted + spec.limit;
        let limit = tokio::time::sleep_until(deadline);
        tokio::pin!(limit);
        let stopped = async {
            tokio::select! {
                () = &mut limit => { self.stop(Stop::TimedOut(spec.limit)); }
                () = self.stop.cancelled() => {}
            }
        };
        tokio::pin!(stopped);
        let alone = async || {
            if let Some(before) = &before {
                before.left_state(|state| !matches!(state, JobState::Done(_))).await;
            }
        };
        let slot = async {
            let admission = admitted.await;
            self.left_state(|state| matches!(state, JobState::Queued)).await;
            alone().await;
            admission
        };
        let admission = tokio::select! {
            biased;
            () = &mut stopped => None,
            admission = slot => Some(admission),
        };
        let Some(admission) = admission else {
            // The next job with this key waits for this job only.
            alone().await;
            return Err(self.stopped_error("waiting in the queue"));
        };
        drop(before);
        let (progress, gate) = (self.progress.clone(), self.gate.clone());
        let context = JobContext { progress, gate, deadline };
        let work = AssertUnwindSafe(admission.keep(async { (spec.work)(context).await })).catch_unwind();
        let work = work.map(|ended| ended.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))));
        tokio::pin!(work);
        tokio::select! {
            biased;
            ended = &mut work => return ended,
            () = &mut stopped => {}
        }
        self.gate.close();
        // A push in flight may finish, because its outcome must be known and reported.
        let report_grace = if self.gate.is_busy() { REPORT_GRACE } else { Duration::ZERO };
        let told = async {
            self.gate.idle().await;
            tokio::time::sleep(report_grace).await;
        };
        tokio::select! {
            biased;
            ended = &mut work => ended,
            () = told => Err(self.stopped_error(&self.progress().now)),
        }
    }

    /// Waits until the job leaves the state `such`.
    async fn left_state(&self, such: impl Fn(&JobState) -> bool) {
        // This job owns the sender, so there is no error.
        let _ = self.state.subscribe().wait_for(|state| !such(state)).await;
    }

    fn stopped_error(&self, doing: &str) -> StepError {
        let cause = locked(&self.cause).unwrap_or(Stop::Draining);
        cause.into_error(if doing.is_empty() { "its start" } else { doing })
    }
}
