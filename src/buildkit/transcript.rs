//! The whole of what a build says, line by line: told as it comes, and kept for who asks later.

mod spool;

use std::sync::{Arc, Mutex};

pub use spool::BuildLog;
use spool::Spool;

use crate::limits::Budget;
use crate::redact::Redactor;
use crate::telemetry::BUILD_TARGET;
use crate::text;

/// Where a build's lines go. Clones share it; by default they go nowhere.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    redactor: Redactor,
    caption: Option<Arc<Caption>>,
    spool: Option<Arc<Mutex<Spool>>>,
}

/// Whose lines they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The workflow's name.
    pub workflow: String,
    /// The job's reference, where it has one.
    pub job: Option<String>,
    /// Which of several steps it is, where there are several.
    pub step: Option<String>,
}

impl From<Redactor> for Transcript {
    /// Lines that go nowhere; the redactor is still for errors and for the log's tail.
    fn from(redactor: Redactor) -> Self {
        Self { redactor, ..Self::default() }
    }
}

impl Transcript {
    /// Lines without the secrets that `redactor` knows, told under `caption` as they come.
    pub fn told(redactor: Redactor, caption: Caption) -> Self {
        Self { redactor, caption: Some(Arc::new(caption)), spool: None }
    }

    /// And kept, in a few MiB of `budget`: of a longer log the beginning and the end.
    #[must_use]
    pub fn kept(self, budget: &Budget) -> Self {
        Self { spool: Some(Arc::new(Mutex::new(Spool::new(budget.clone())))), ..self }
    }

    /// What was kept, if anything was said.
    pub fn log(&self) -> Option<BuildLog> {
        self.spooled(|spool| spool.clear().finish()).flatten()
    }

    /// Forgets what was kept: it will all be said again.
    pub fn rewind(&self) {
        self.spooled(|spool| drop(spool.clear()));
    }

    /// Says one line of our own.
    pub fn say(&self, line: &str) {
        self.line(&self.redactor.line(line));
    }

    /// What cleans what the build says.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Takes a line without its end, and without secrets.
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
