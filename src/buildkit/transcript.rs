//! The complete output of a build, line by line: logged as it arrives, and optionally kept.

mod spool;

use std::sync::{Arc, Mutex};

pub use spool::BuildLog;
use spool::Spool;

use crate::limits::Budget;
use crate::redact::Redactor;
use crate::telemetry::BUILD_TARGET;
use crate::text;

/// The destination of a build's lines. Clones share it. By default lines are discarded.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    redactor: Redactor,
    caption: Option<Arc<Caption>>,
    spool: Option<Arc<Mutex<Spool>>>,
}

/// The workflow, job and step that the lines belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The workflow's name.
    pub workflow: String,
    /// The job's reference, if it has one.
    pub job: Option<String>,
    /// The step's name, if the node has several steps.
    pub step: Option<String>,
}

impl From<Redactor> for Transcript {
    /// A transcript that discards lines. Its redactor still serves errors and the log's tail.
    fn from(redactor: Redactor) -> Self {
        Self { redactor, ..Self::default() }
    }
}

impl Transcript {
    /// A transcript that logs each line under `caption` as it arrives. `redactor` removes secrets from the lines.
    pub fn told(redactor: Redactor, caption: Caption) -> Self {
        Self { redactor, caption: Some(Arc::new(caption)), spool: None }
    }

    /// Also keeps the lines, in a few MiB of `budget`. Of a longer log only the beginning and the end are kept.
    #[must_use]
    pub fn kept(self, budget: &Budget) -> Self {
        Self { spool: Some(Arc::new(Mutex::new(Spool::new(budget.clone())))), ..self }
    }

    /// The kept log, if there is any output.
    pub fn log(&self) -> Option<BuildLog> {
        self.spooled(|spool| spool.clear().finish()).flatten()
    }

    /// Clears the kept log, because the daemon will send all output again.
    pub fn rewind(&self) {
        self.spooled(|spool| drop(spool.clear()));
    }

    /// Adds a line that does not come from the build.
    pub fn say(&self, line: &str) {
        self.line(&self.redactor.line(line));
    }

    /// The redactor for the build's output.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Adds a line without line end, from which secrets were already removed.
    pub(super) fn line(&self, line: &str) {
        let line = &text::lines(line);
        if let Some(caption) = &self.caption {
            let (workflow, job, step) = (&*caption.workflow, caption.job.as_deref(), caption.step.as_deref());
            tracing::info!(target: BUILD_TARGET, parent: None, workflow, job, step, "{line}");
        }
        self.spooled(|spool| spool.push(line));
    }

    fn spooled<T>(&self, with: impl FnOnce(&mut Spool) -> T) -> Option<T> {
        let spool = self.spool.as_ref()?;
        Some(with(&mut spool.lock().unwrap_or_else(|poisoned| poisoned.into_inner())))
    }
}
