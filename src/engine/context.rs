//! The context of a running step: everything it needs besides its own fields.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::warn;

use super::background::{self, LogUpload};
use super::node_secrets::NodeSecrets;
use super::opened_keys::OpenedKeys;
use super::parallel_progress::ProgressPart;
use super::{Reference, StepRequest, Workflow};
use crate::outcome::Outputs;
use crate::progress::Progress;
use crate::push_gate::PushGate;
use crate::redact::Redactor;
use crate::step::Kind;
use crate::text;

/// Nothing that a stop waits for begins so short before the deadline.
const MARGIN: Duration = Duration::from_secs(1);

/// What an entry of `steps` has made.
#[derive(Debug)]
pub(super) struct EarlierResult {
    pub(super) kind: Kind,
    pub(super) outputs: Outputs,
}

/// The context of one step. The steps of a `steps` node share all but the reference and the position.
#[derive(Clone)]
pub(super) struct Cx {
    pub(super) workflow: Arc<Workflow>,
    /// The name of the step's builds at buildkitd; `None` if no later attempt will ask for them.
    pub(super) reference: Option<Reference>,
    pub(super) gate: Arc<PushGate>,
    /// The step's deadline.
    pub(super) deadline: Instant,
    pub(super) redactor: Redactor,
    /// The Secrets read so far.
    pub(super) secrets: NodeSecrets,
    /// The private keys opened so far.
    pub(super) keys: OpenedKeys,
    /// The step's name, if the node has several steps.
    pub(super) step: Option<String>,
    /// When the node began.
    pub(super) began: Instant,
    /// The results of the entries before this one, in order; only `notify` gets them.
    pub(super) earlier: Arc<Vec<EarlierResult>>,
    progress: watch::Sender<Progress>,
    /// The part of the progress that is this context's, if the step does several things at the same time.
    part: Option<ProgressPart>,
    /// The step's name and position, such as `build (1/2)`.
    place: Option<String>,
    /// The log upload that this step started in the background.
    log_upload: Arc<Mutex<Option<LogUpload>>>,
    /// The date of the newest source commit that the node has built, in seconds since 1970; 0 without one.
    committed: Arc<AtomicU32>,
}

impl Cx {
    pub(super) fn new(request: StepRequest) -> Self {
        let StepRequest { workflow, reference, progress, gate, deadline } = request;
        let (workflow, redactor) = (Arc::new(workflow), Redactor::default());
        let (secrets, keys) = (NodeSecrets::default(), OpenedKeys::default());
        let (step, part, place, log_upload) = (None, None, None, Arc::default());
        let committed = Arc::default();
        Self {
            workflow,
            reference,
            gate,
            deadline,
            redactor,
            secrets,
            keys,
            step,
            began: Instant::now(),
            earlier: Arc::default(),
            progress,
            part,
            place,
            log_upload,
            committed,
        }
    }

    /// The contexts of what the step does at the same time under `names`. The progress shows all of it.
    pub(super) fn side_by_side(&self, names: &[String]) -> Vec<Self> {
        let parts = ProgressPart::of(names).into_iter();
        parts.map(|part| Self { part: Some(part), ..self.clone() }).collect()
    }

    /// The context of the step `name`, the `number`th of `count`.
    pub(super) fn inner(&self, name: &str, number: usize, count: usize) -> Self {
        let reference =
            self.reference.as_ref().map(|Reference(of_all)| Reference(format!("{of_all}-{name}")));
        let (step, place) = (Some(name.to_owned()), Some(format!("{name} ({number}/{count})")));
        Self { reference, step, place, log_upload: Arc::default(), ..self.clone() }
    }

    /// The same context after the entries with these results.
    pub(super) fn after(self, earlier: Vec<EarlierResult>) -> Self {
        Self { earlier: Arc::new(earlier), ..self }
    }

    /// The name of the step's builds at buildkitd.
    pub(super) fn job(&self) -> Option<&str> {
        self.reference.as_ref().map(|reference| reference.0.as_str())
    }

    /// The permit for one request that writes a manifest or a tag; `None` if the step is stopped, or its time is nearly over. A stop
    /// waits for whoever holds one, so it is held while that request runs, and not longer.
    pub(super) fn enter(&self) -> Option<TaskTrackerToken> {
        if self.is_late() { None } else { self.gate.enter() }
    }

    /// Notes the date of a source commit that the node builds, in seconds since 1970.
    pub(super) fn note_commit_date(&self, seconds: u32) {
        self.committed.fetch_max(seconds, Ordering::Relaxed);
    }

    /// The date of the newest source commit that the node has built, in seconds since 1970.
    pub(super) fn commit_date(&self) -> Option<u32> {
        Some(self.committed.load(Ordering::Relaxed)).filter(|seconds| *seconds > 0)
    }

    pub(super) fn is_outermost(&self) -> bool {
        self.place.is_none()
    }

    /// Lets `upload` continue in the background while later steps run.
    pub(super) fn set_log_upload(&self, upload: Option<LogUpload>) {
        *self.log_upload.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = upload;
    }

    /// Waits for the background upload of this step. A failure becomes a warning in `outputs`.
    pub(super) async fn settle(&self, outputs: &mut Outputs) {
        let log_upload = self.log_upload.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let Some(upload) = log_upload else { return };
        if let Err(why) = self.attached(upload).await {
            background::withdraw(outputs, why);
        }
    }

    /// Waits for a log upload. The error is the reason why the log is missing.
    pub(super) async fn attached(&self, upload: LogUpload) -> Result<(), String> {
        // The step's work is done. A stop waits for this upload as for a push.
        let Some(_permit) = self.gate.enter() else {
            return Err("the step was stopped meanwhile".to_owned());
        };
        if !upload.is_finished() {
            self.now("keeping the log");
        }
        upload.ended().await.map_err(|why| {
            let why = text::cut(self.redactor.line(&why), 1000);
            let why =
                format!("the log was not kept in the registry: {why}; `attach-log: false` does without");
            warn!(workflow.name = %self.workflow.name, "{why}");
            why
        })
    }

    /// The time that is `margin` before the step's deadline.
    pub(super) fn before_deadline(&self, margin: Duration) -> Instant {
        self.deadline.checked_sub(margin).unwrap_or(self.deadline)
    }

    /// Whether it is too late to begin something that a stop waits for.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() + MARGIN >= self.deadline
    }

    /// Reports the current activity.
    pub(super) fn now(&self, now: impl Into<String>) {
        self.report(Progress::now(now));
    }

    /// Reports the current activity, after removing every secret that was read.
    pub(super) fn report(&self, progress: Progress) {
        let now = self.redactor.line(&progress.now);
        let progress = Progress { now, ..progress };
        let progress = match &self.part {
            Some(part) => part.with(progress),
            None => progress,
        };
        let now = match &self.place {
            Some(place) => format!("{place}: {}", progress.now),
            None => progress.now.clone(),
        };
        self.progress.send_replace(Progress { now, ..progress });
    }
}
