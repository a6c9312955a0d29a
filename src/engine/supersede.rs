//! `supersede`: older workflows of the same line are told to end.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Engine;
use super::context::Cx;
use super::leaving::LONGEST;
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
    let line = line(&own, &supersede.label)?;
    let mut ended = Vec::new();
    for older in
        workflows.unfinished(&supersede.label, line).await?.iter().filter(|w| w.created < own.created)
    {
        if workflows.shut_down(older, how(older)).await? {
            ended.push(older.name.clone());
        }
    }
    let summary = match ended.as_slice() {
        [] => "nothing older to supersede".to_owned(),
        names => format!("superseded {}", names.join(", ")),
    };
    Ok(success(summary, &ended))
}

/// How long the controller may take to write down a workflow whose task it has made. A controller with more to do than
/// its client may ask takes seconds.
const WRITTEN: Duration = Duration::from_secs(30);

/// Our own workflow, with `label` or as its controller has written it: what `workflowMetadata` says comes with that, and the
/// shared agent hears of a task some milliseconds earlier.
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

fn line<'a>(own: &'a Workflow, label: &str) -> Result<&'a str, StepError> {
    let value = own.labels.get(label).filter(|value| !value.is_empty());
    value.map(String::as_str).ok_or_else(|| {
        StepError::user(format!(
            "workflow `{}` has no label `{label}`, by which older ones are found; set it in \
             `spec.workflowMetadata.labels`, or name another one in `supersede.label`",
            own.name
        ))
    })
}

/// One that runs may have an exit handler with something to report. One that waits has begun nothing, and a
/// mere `Stop` would leave it waiting for its lock.
fn how(older: &Workflow) -> ShutdownStrategy {
    if older.waits { ShutdownStrategy::Terminate } else { ShutdownStrategy::Stop }
}

fn success(summary: String, ended: &[String]) -> Success {
    let (mut room, mut ended) = (LONGEST, ended);
    // Those that fit the output: the list is a machine's, so it is not cut in the middle.
    let fits = ended.iter().take_while(|name| {
        let size = name.len() + 3;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    });
    ended = &ended[..fits.count()];
    Success { summary, outputs: Outputs::from([("superseded".to_owned(), json!(ended).to_string())]) }
}
