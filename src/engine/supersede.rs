//! `supersede`: stops older workflows of the same line.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Engine;
use super::context::Cx;
use super::sanitize::list_that_fits;
use crate::kube::{ShutdownStrategy, Workflow, Workflows, WorkflowsError};
use crate::outcome::{Outputs, StepError, Success};
use crate::step::Supersede;

pub(super) async fn run(engine: &Engine, supersede: &Supersede, cx: &Cx) -> Result<Success, StepError> {
    if !supersede.enabled {
        return Ok(success("superseding is off".to_owned(), &[]));
    }
    cx.now("looking for older workflows");
    let workflows = engine.cluster.workflows(&cx.workflow.namespace).await?;
    let own = own(&workflows, &cx.workflow.name, &supersede.label).await?;
    let line = line(&own, supersede)?;
    if own.labels.get(&supersede.label) != Some(line) {
        workflows.label(&own, &supersede.label, line).await?;
    }
    let mut ended = Vec::new();
    for older in workflows.unfinished(&supersede.label, line).await?.iter().filter(|w| w.is_older(&own)) {
        if workflows.shut_down(older, how(older), &own.name).await? {
            ended.push(older.name.clone());
        }
    }
    let summary = match ended.as_slice() {
        [] => "nothing older to supersede".to_owned(),
        names => format!("superseded {}", names.join(", ")),
    };
    Ok(success(summary, &ended))
}

/// The time that the controller may need to write a workflow after it created the task. A controller at its client's
/// rate limit needs seconds.
const WRITTEN: Duration = Duration::from_secs(30);

/// Reads our own workflow, once it has `label` or its controller has written it. That write adds the values of
/// `workflowMetadata`, and the shared agent receives a task some milliseconds earlier.
async fn own(workflows: &Workflows, name: &str, label: &str) -> Result<Workflow, WorkflowsError> {
    let patience = Instant::now() + WRITTEN;
    loop {
        let own = workflows.get(name).await?;
        if own.labels.contains_key(label) || !own.waits || Instant::now() > patience {
            return Ok(own);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// The line of our own workflow. Argo 4.0 never writes the labels of `workflowMetadata` for a workflow that had to wait for
/// `parallelism`, and sometimes for one that had not (`processNextItem` and `updateWorkflowMetadata` of its controller).
fn line<'a>(own: &'a Workflow, supersede: &'a Supersede) -> Result<&'a String, StepError> {
    let label = &supersede.label;
    let labelled = || own.labels.get(label).filter(|value| !value.is_empty());
    supersede.line.as_ref().or_else(labelled).ok_or_else(|| {
        StepError::user(format!(
            "workflow `{}` has no label `{label}`, by which older ones are found; set `supersede.line`, or the label in the \
             workflow's `metadata.labels`: Argo leaves out `workflowMetadata` for a workflow that waited for `parallelism`",
            own.name
        ))
    })
}

/// The shutdown strategy for an older workflow. A running one may have an exit handler with something to report. A waiting
/// one has begun nothing, and a plain `Stop` would leave it waiting for its lock.
fn how(older: &Workflow) -> ShutdownStrategy {
    if older.waits { ShutdownStrategy::Terminate } else { ShutdownStrategy::Stop }
}

fn success(summary: String, ended: &[String]) -> Success {
    Success { summary, outputs: Outputs::from([("superseded".to_owned(), list_that_fits(ended))]) }
}
