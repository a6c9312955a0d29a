//! What every step is given beside its own fields.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Errand, Workflow};
use crate::git::PushGate;
use crate::progress::Progress;
use crate::redact::Redactor;

/// One step's surroundings. The steps of a `steps` node share all but the reference and the place.
#[derive(Clone)]
pub(super) struct Cx {
    pub(super) workflow: Arc<Workflow>,
    /// What the step's builds are called at buildkitd; nothing where nobody will ask for them again.
    pub(super) reference: Option<String>,
    pub(super) gate: Arc<PushGate>,
    /// When the step is given up.
    pub(super) deadline: Instant,
    pub(super) redactor: Redactor,
    progress: watch::Sender<Progress>,
    /// `build (1/2)`: which of several steps this is.
    place: Option<String>,
}

impl Cx {
    pub(super) fn new(errand: Errand) -> Self {
        let Errand { workflow, reference, progress, gate, deadline } = errand;
        let (workflow, redactor) = (Arc::new(workflow), Redactor::default());
        Self { workflow, reference, gate, deadline, redactor, progress, place: None }
    }

    /// The surroundings of the step `name`, the `number`th of `count`.
    pub(super) fn inner(&self, name: &str, number: usize, count: usize) -> Self {
        let reference = self.reference.as_ref().map(|reference| format!("{reference}-{name}"));
        Self { reference, place: Some(format!("{name} ({number}/{count})")), ..self.clone() }
    }

    pub(super) fn is_outermost(&self) -> bool {
        self.place.is_none()
    }

    /// Says what runs now.
    pub(super) fn now(&self, now: impl Into<String>) {
        self.report(Progress::now(now));
    }

    /// Says what runs now, without any secret that was read.
    pub(super) fn report(&self, progress: Progress) {
        let now = self.redactor.clean(&progress.now);
        let now = match &self.place {
            Some(place) => format!("{place}: {now}"),
            None => now,
        };
        self.progress.send_replace(Progress { now, ..progress });
    }
}
