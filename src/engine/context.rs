//! What every step is given beside its own fields.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

use super::aside::{self, Attaching};
use super::node_secrets::NodeSecrets;
use super::{Reference, StepRequest, Workflow};
use crate::outcome::Outputs;
use crate::progress::Progress;
use crate::push_gate::PushGate;
use crate::redact::Redactor;
use crate::text;

/// One step's surroundings. The steps of a `steps` node share all but the reference and the place.
#[derive(Clone)]
pub(super) struct Cx {
    pub(super) workflow: Arc<Workflow>,
    /// What the step's builds are called at buildkitd; nothing where nobody will ask for them again.
    pub(super) reference: Option<Reference>,
    pub(super) gate: Arc<PushGate>,
    /// When the step is given up.
    pub(super) deadline: Instant,
    pub(super) redactor: Redactor,
    /// What was read of Secrets.
    pub(super) secrets: NodeSecrets,
    /// Which of several steps this is.
    pub(super) step: Option<String>,
    progress: watch::Sender<Progress>,
    /// `build (1/2)`: which of several steps this is.
    place: Option<String>,
    /// What this step has begun and not waited for.
    aside: Arc<Mutex<Option<Attaching>>>,
}

impl Cx {
    pub(super) fn new(request: StepRequest) -> Self {
        let StepRequest { workflow, reference, progress, gate, deadline } = request;
        let (workflow, redactor) = (Arc::new(workflow), Redactor::default());
        let (secrets, step, place, aside) = (NodeSecrets::default(), None, None, Arc::default());
        Self { workflow, reference, gate, deadline, redactor, secrets, step, progress, place, aside }
    }

    /// The surroundings of the step `name`, the `number`th of `count`.
    pub(super) fn inner(&self, name: &str, number: usize, count: usize) -> Self {
        let reference =
            self.reference.as_ref().map(|Reference(of_all)| Reference(format!("{of_all}-{name}")));
        let (step, place) = (Some(name.to_owned()), Some(format!("{name} ({number}/{count})")));
        Self { reference, step, place, aside: Arc::default(), ..self.clone() }
    }

    /// What its builds are called at buildkitd.
    pub(super) fn job(&self) -> Option<&str> {
        self.reference.as_ref().map(|reference| reference.0.as_str())
    }

    pub(super) fn is_outermost(&self) -> bool {
        self.place.is_none()
    }

    /// Leaves `attaching` to go on beside the steps that follow.
    pub(super) fn put_aside(&self, attaching: Option<Attaching>) {
        *self.aside.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = attaching;
    }

    /// Waits for what this step has left to go on; what became of it is in `outputs`.
    pub(super) async fn settle(&self, outputs: &mut Outputs) {
        let aside = self.aside.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let Some(attaching) = aside else { return };
        if let Err(why) = self.attached(attaching).await {
            aside::withdraw(outputs, why);
        }
    }

    /// Waits for a log to be attached; says why it is not there.
    pub(super) async fn attached(&self, attaching: Attaching) -> Result<(), String> {
        // What is to be told is known by now: a stop waits for it as for a push.
        let Some(_permit) = self.gate.enter() else {
            return Err("the step was stopped meanwhile".to_owned());
        };
        if !attaching.is_finished() {
            self.now("keeping the log");
        }
        attaching.ended().await.map_err(|why| {
            let why = text::cut(self.redactor.line(&why), 1000);
            let why =
                format!("the log was not kept in the registry: {why}; `attach-log: false` does without");
            warn!(workflow.name = %self.workflow.name, "{why}");
            why
        })
    }

    /// Says what runs now.
    pub(super) fn now(&self, now: impl Into<String>) {
        self.report(Progress::now(now));
    }

    /// Says what runs now, without any secret that was read.
    pub(super) fn report(&self, progress: Progress) {
        let now = self.redactor.line(&progress.now);
        let now = match &self.place {
            Some(place) => format!("{place}: {now}"),
            None => now,
        };
        self.progress.send_replace(Progress { now, ..progress });
    }
}
