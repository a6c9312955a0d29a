//! Uploads a build's log to the registry in the background, while later steps run.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::oci::OciError;
use crate::outcome::{Outputs, chain};
use crate::time_limits::{calls, until};

/// The time limit for an upload, from when the log is complete. A registry that is away must not delay a result.
const PATIENCE: Duration = calls::REGISTRY_LOG.whole();

/// A log upload in progress. Dropping it stops the upload.
pub(super) struct LogUpload {
    /// The reference of the log in the registry.
    pub(super) reference: String,
    task: AbortOnDropHandle<Result<(), OciError>>,
    until: Instant,
}

impl LogUpload {
    /// Starts `work`, which makes the log available at `reference`.
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
        // The task is not in the step's span, which ends earlier.
        let task = AbortOnDropHandle::new(tokio::spawn(timed));
        Self { reference, task, until: began + PATIENCE }
    }

    /// Whether the upload has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the upload to end. The error is the reason why the log is missing.
    pub(super) async fn ended(self) -> Result<(), String> {
        match until(self.until, PATIENCE, &self.reference, self.task).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(chain(&error)),
            Ok(Err(broken)) => Err(broken.to_string()),
            Err(late) => Err(late.to_string()),
        }
    }
}

/// Removes the `log` output of a log that was not uploaded, and adds a warning.
pub(super) fn withdraw(outputs: &mut Outputs, why: String) {
    outputs.insert("log".to_owned(), String::new());
    let warnings = outputs.entry("warnings".to_owned()).or_default();
    let mut list: Vec<String> = serde_json::from_str(warnings).unwrap_or_default();
    list.push(why);
    *warnings = json!(list).to_string();
}
