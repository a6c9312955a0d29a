//! A log on its way to the registry: it goes there beside the steps that follow.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::oci::OciError;
use crate::outcome::{Outputs, chain};
use crate::time_limits::{calls, until};

/// How long a log may take from when it is whole: nobody's result is held up by a registry that is away.
const PATIENCE: Duration = calls::REGISTRY_LOG.whole();

/// A log that is being attached. Dropped, it is not.
pub(super) struct Attaching {
    /// What the log will be known by.
    pub(super) reference: String,
    task: AbortOnDropHandle<Result<(), OciError>>,
    until: Instant,
}

impl Attaching {
    /// Begins `work`, after which the log can be had by `reference`.
    pub(super) fn begin(
        reference: String,
        work: impl Future<Output = Result<(), OciError>> + Send + 'static,
    ) -> Self {
        let began = Instant::now();
        let name = reference.clone();
        let timed = async move {
            work.await?;
            debug!(elapsed_ms = began.elapsed().as_millis(), "kept the log {name}");
            Ok(())
        };
        // Not in the step's span, which ends before it.
        let task = AbortOnDropHandle::new(tokio::spawn(timed));
        Self { reference, task, until: began + PATIENCE }
    }

    /// Whether it has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for its end; says why the log is not there.
    pub(super) async fn ended(self) -> Result<(), String> {
        match until(self.until, PATIENCE, &self.reference, self.task).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(chain(&error)),
            Ok(Err(broken)) => Err(broken.to_string()),
            Err(late) => Err(late.to_string()),
        }
    }
}

/// Takes the promise of a log back that is not there: it becomes a warning.
pub(super) fn withdraw(outputs: &mut Outputs, why: String) {
    outputs.insert("log".to_owned(), String::new());
    let warnings = outputs.entry("warnings".to_owned()).or_default();
    let mut list: Vec<String> = serde_json::from_str(warnings).unwrap_or_default();
    list.push(why);
    *warnings = json!(list).to_string();
}
