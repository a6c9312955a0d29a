//! One job: its states, its work, and the three named ways in which it ends.

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
use super::queue::{Group, Place, Ticket};
use super::stop::{Stop, panicked};
use crate::outcome::StepError;
use crate::progress::Progress;
use crate::push_gate::PushGate;

/// What a job does, started at most once.
type Work = Box<dyn FnOnce(JobContext) -> BoxFuture<'static, Ending> + Send>;

/// How long a stopped job may still take, once its push has ended, to say what became of it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A job that is to be started.
pub struct JobSpec {
    work: Work,
    limit: Duration,
    pub(super) group: Group,
}

impl JobSpec {
    /// A job that does `work`, and may take `limit` from when it is accepted.
    pub fn new<F>(limit: Duration, work: impl FnOnce(JobContext) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Ending> + Send + 'static,
    {
        Self { work: Box::new(|context| work(context).boxed()), limit, group: Group::from("") }
    }

    /// The same as one of `group`, which shares a cap and takes turns with the others. By default all are of one.
    #[must_use]
    pub fn of_group(self, group: &str) -> Self {
        Self { group: Group::from(group), ..self }
    }
}

/// What the table lends to a job's work.
pub struct JobContext {
    /// Where the work says what it is doing.
    pub progress: watch::Sender<Progress>,
    /// Passed before a push, and held while it is in flight: a stop waits for it.
    pub gate: Arc<PushGate>,
    /// When it runs into its limit.
    pub deadline: Instant,
}

/// Where a job stands.
#[derive(Debug, Clone)]
pub enum JobState {
    /// Accepted, and waiting for a slot.
    Queued,
    /// Its work runs.
    Running,
    /// It ended so, and stays so.
    Done(Arc<Ending>),
}

/// A job as one poll sees it.
#[derive(Debug, Clone)]
pub struct View {
    /// Where it stands.
    pub phase: Phase,
    /// Since it was accepted.
    pub elapsed: Duration,
}

/// A job's state, with what a poll wants to know about it.
#[derive(Debug, Clone)]
pub enum Phase {
    /// It begins after steps that were interrupted when the process was killed.
    Held,
    /// It waits for a slot.
    Queued(Place),
    /// What it is doing.
    Running(Progress),
    /// How it ended.
    Done(Arc<Ending>),
}

/// A job in the table.
pub(super) struct Job {
    pub(super) accepted: Instant,
    /// None before it joins the queue.
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

    /// Whether it has ended, and not because the process does: what was in flight then may have ended well.
    pub(super) fn ended_by_itself(&self) -> bool {
        let well = matches!(self.state(), JobState::Done(ending) if ending.is_ok());
        well || self.has_ended() && *locked(&self.cause) != Some(Stop::Draining)
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(*self.state.borrow(), JobState::Done(_))
    }

    /// Whether it has, or had, a slot.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(*self.state.borrow(), JobState::Queued)
    }

    /// Whether it has neither ended nor been told to.
    pub(super) fn goes_on(&self) -> bool {
        !self.has_ended() && !self.stop.is_cancelled()
    }

    /// Ends the job for `cause`, unless it has ended or is already being stopped. Says whether it does.
    pub(super) fn stop(&self, cause: Stop) -> bool {
        let goes_on = self.goes_on();
        if goes_on {
            locked(&self.cause).get_or_insert(cause);
            self.stop.cancel();
        }
        goes_on
    }

    /// The job has a slot.
    pub(super) fn begin(&self) {
        self.state.send_replace(JobState::Running);
    }

    /// Says how the job ended, for good.
    pub(super) fn finish(&self, ending: Ending) {
        self.state.send_replace(JobState::Done(Arc::new(ending)));
    }

    /// Waits until it is `admitted` to the queue, for a slot, and for the end of the job `before` it, then works until the
    /// end, the limit, or a stop, whichever is first.
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
            // Whoever comes next with this key waits for this job alone.
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
        // A push in flight is let finish: whether it landed must be known, and told.
        let last_words = if self.gate.is_busy() { LAST_WORDS } else { Duration::ZERO };
        let told = async {
            self.gate.idle().await;
            tokio::time::sleep(last_words).await;
        };
        tokio::select! {
            biased;
            ended = &mut work => ended,
            () = told => Err(self.stopped_error(&self.progress().now)),
        }
    }

    /// Waits while the job's state is such.
    async fn left_state(&self, such: impl Fn(&JobState) -> bool) {
        // The sender is ours, so there is no error.
        let _ = self.state.subscribe().wait_for(|state| !such(state)).await;
    }

    fn stopped_error(&self, doing: &str) -> StepError {
        let cause = locked(&self.cause).unwrap_or(Stop::Draining);
        cause.into_error(if doing.is_empty() { "its start" } else { doing })
    }
}
