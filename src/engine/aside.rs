//! A log on its way to the registry: it goes there beside the steps that follow.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::context::Cx;
use crate::oci::OciError;
use crate::outcome::{Outputs, chain};
use crate::text;
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

    /// Waits for its end; says why the log is not there.
    pub(super) async fn ended(self, cx: &Cx) -> Result<(), String> {
        // What is to be told is known by now: a stop waits for it as for a push.
        let Some(_permit) = cx.gate.enter() else {
            return Err("the step was stopped meanwhile".to_owned());
        };
        if !self.task.is_finished() {
            cx.now("keeping the log");
        }
        let why = match until(self.until, PATIENCE, &self.reference, self.task).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => chain(&error),
            Ok(Err(broken)) => broken.to_string(),
            Err(late) => late.to_string(),
        };
        let why = format!(
            "the log was not kept in the registry: {}; `attach-log: false` does without",
            text::cut(cx.redactor.line(&why), 1000)
        );
        warn!(workflow.name = %cx.workflow.name, "{why}");
        Err(why)
    }

    /// Waits for its end; a log that is not there becomes a warning, and is not promised any more.
    pub(super) async fn settle(self, outputs: &mut Outputs, cx: &Cx) {
        let Err(why) = self.ended(cx).await else { return };
        outputs.insert("log".to_owned(), String::new());
        let warnings = outputs.entry("warnings".to_owned()).or_default();
        let mut list: Vec<String> = serde_json::from_str(warnings).unwrap_or_default();
        list.push(why);
        *warnings = json!(list).to_string();
    }
}
