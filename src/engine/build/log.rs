//! The whole log of a build: logged while it runs, and then stored in the image's own repository.
//!
//! An agent does no artifact I/O and gives a plugin no access to Argo's artifact repository, so the log goes to the
//! registry: attached to the image or, if the build failed and there is no image, under a tag.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::super::Engine;
use super::super::background::LogUpload;
use super::super::context::Cx;
use super::attached_report;
use super::inputs::Inputs;
use super::part::Explained;
use crate::buildkit::{BuildLog, Caption, Solved, Transcript};
use crate::limits::{Budget, Held};
use crate::oci::{BuildArtifact, Descriptor, ImageRef, OciError};
use crate::outcome::StepError;
use crate::report::StepList;
use crate::step::{Build, RegistryRef};
use crate::time_limits::{calls, within};

/// The time limit for a registry to describe an image.
const PATIENCE: Duration = calls::REGISTRY_DESCRIBE.whole();

/// The transcript for the lines of `build`.
pub(super) fn transcript(engine: &Engine, build: &Build, cx: &Cx) -> Transcript {
    let (workflow, job) = (engine.tenancy.title(&cx.workflow), cx.job().map(str::to_owned));
    let told = Transcript::told(cx.redactor.clone(), Caption { workflow, job, step: cx.step.clone() });
    let memory = engine.kept_logs.of(engine.tenancy.tenant(&cx.workflow));
    if place(build).is_some() { told.kept(&memory) } else { told }
}

/// The repository that stores the log, if any.
fn place(build: &Build) -> Option<&RegistryRef> {
    build.tags.first().filter(|_| build.push && build.attach_log)
}

/// Starts to attach `log` to the image of `solved`, which was pushed, with its steps and, if the step asks for it, its report. Returns the
/// log's reference; empty if it is not stored. Give no log of a build whose steps were all cached: the earlier build's log already has the
/// same content.
pub(super) async fn attach(
    engine: &Engine,
    build: &Build,
    inputs: &Inputs,
    solved: &Solved,
    log: Option<BuildLog>,
    explained: &Explained,
    cx: &Cx,
) -> String {
    let upload = begun(engine, build, inputs, solved, log, explained, cx).await;
    let reference = upload.as_ref().map(|upload| upload.reference.clone()).unwrap_or_default();
    cx.set_log_upload(upload);
    reference
}

async fn begun(
    engine: &Engine,
    build: &Build,
    inputs: &Inputs,
    solved: &Solved,
    log: Option<BuildLog>,
    explained: &Explained,
    cx: &Cx,
) -> Option<LogUpload> {
    let (tag, log) = (place(build)?, log?);
    let subject = match subject(engine, tag, inputs, solved).await {
        Ok(subject) => subject?,
        Err(error) => {
            warn!("the log is not attached to the image: {}", cx.redactor.line(&error.to_string()));
            return None;
        }
    };
    let Kept { artifact, held, .. } = artifact(log, Some(subject), inputs, cx);
    let artifact = artifact.with_steps(steps(solved, explained, cx).to_gzip());
    let memory = || attached_report::memory(engine.tenancy.tenant(&cx.workflow));
    let kept = Kept { artifact, held, report: build.attach_report.then(memory) };
    Some(begin(engine, inputs, tag, kept, None))
}

/// The steps of a build, without secrets.
fn steps(solved: &Solved, explained: &Explained, cx: &Cx) -> StepList {
    let steps = StepList::of(&solved.vertices, |text| cx.redactor.lines(text));
    StepList { cache_miss: cx.redactor.line(&explained.miss), previous: explained.previous.clone(), ..steps }
}

/// Stores the log of a build in which a step's process failed, and adds its reference to the error. For any other failure
/// the error itself is sufficient. A failed upload does not change the error.
pub(super) async fn keep(
    engine: &Engine,
    build: &Build,
    inputs: &Inputs,
    transcript: &Transcript,
    mut error: StepError,
    cx: &Cx,
) -> StepError {
    if error.exit_code.is_none() {
        return error;
    }
    let (Some(place), Some(log)) = (place(build), transcript.log()) else { return error };
    let job = cx.job().map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let kept = artifact(log, None, inputs, cx);
    let upload = begin(engine, inputs, place, kept, Some(format!("log-{job}")));
    let reference = upload.reference.clone();
    if cx.attached(upload).await.is_ok() {
        error.message.push_str(&format!("\nwhole log: argo-buildkit log {reference}"));
        error.outputs.insert("log".to_owned(), reference);
    }
    error
}

/// A log to upload, and its share of the memory for kept logs.
struct Kept {
    artifact: BuildArtifact,
    held: Option<Held>,
    /// The memory for the report of the build, if it is attached, too.
    report: Option<Budget>,
}

fn begin(
    engine: &Engine,
    inputs: &Inputs,
    place: &RegistryRef,
    kept: Kept,
    tag: Option<String>,
) -> LogUpload {
    let Kept { artifact, held, report } = kept;
    let reference = format!("{}@{}", place.image.name(), artifact.digest());
    let (registry, auth, place) = (engine.registry.clone(), inputs.auth.clone(), place.clone());
    LogUpload::begin(reference, async move {
        let (_held, began) = (held, Instant::now());
        registry.attach(&artifact, &place.image, tag.as_deref(), &auth, place.insecure).await?;
        if let Some(memory) = &report {
            Box::pin(attached_report::attach(&registry, &artifact, &place, &auth, memory, began)).await;
        }
        Ok(())
    })
}

fn artifact(log: BuildLog, subject: Option<Descriptor>, inputs: &Inputs, cx: &Cx) -> Kept {
    let mut annotations = BTreeMap::from([
        ("org.opencontainers.image.revision", inputs.sha.clone()),
        ("argo-buildkit.workflow", format!("{}/{}", cx.workflow.namespace, cx.workflow.name)),
        ("argo-buildkit.log.bytes", log.size.to_string()),
    ]);
    if log.left_out > 0 {
        annotations.insert("argo-buildkit.log.left-out", log.left_out.to_string());
    }
    let annotations = annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let artifact = BuildArtifact::new(log.gzip, subject, jiff::Timestamp::now().to_string(), annotations);
    Kept { artifact, held: log.held, report: None }
}

/// The descriptor of the pushed image: from the daemon or, for a build that was found again, from the registry.
async fn subject(
    engine: &Engine,
    tag: &RegistryRef,
    inputs: &Inputs,
    solved: &Solved,
) -> Result<Option<Descriptor>, OciError> {
    let told = solved.descriptor.as_deref().and_then(|json| serde_json::from_str(json).ok());
    if told.is_some() {
        return Ok(told);
    }
    let Some(digest) = &solved.digest else { return Ok(None) };
    let Ok(image) = format!("{}@{digest}", tag.image.name()).parse::<ImageRef>() else { return Ok(None) };
    // Later steps wait for this request.
    let asked = engine.registry.describe(&image, &inputs.auth, tag.insecure);
    let asked = within(PATIENCE, tag.image.registry(), asked).await;
    asked.unwrap_or_else(|late| {
        let what = format!("registry {}", tag.image.registry());
        Err(OciError::Unreachable { what, why: late.to_string() })
    })
}
