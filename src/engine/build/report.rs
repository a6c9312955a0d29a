//! What a build tells: outputs, the error, a span per vertex.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use super::super::context::Cx;
use super::absent;
use super::inputs::Inputs;
use crate::buildkit::{BuildError, Solved, VertexSummary};
use crate::duration::elapsed_text;
use crate::outcome::{Fault, Outputs, StepError, Success};
use crate::step::Build;
use crate::telemetry::{self, Past};
use crate::text;

/// Bytes of one warning.
const WARNING: usize = 1000;

/// What became of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cache {
    /// None was asked for.
    None,
    /// It was written.
    Exported,
    /// Nothing new was built, and the registry has it already.
    Skipped,
    /// It could not be written, and the step says to go on.
    Failed(String),
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Exported => "exported",
            Self::Skipped => "skipped",
            Self::Failed(_) => "failed",
        })
    }
}

/// What is known of a build that ended well.
pub(super) struct Facts<'a> {
    pub(super) build: &'a Build,
    pub(super) inputs: &'a Inputs,
    pub(super) solved: &'a Solved,
    pub(super) cache: &'a Cache,
    /// Where its log is, or will be; empty where it is kept nowhere.
    pub(super) log: String,
    pub(super) took: Duration,
}

/// The outputs, and a line about them.
pub(super) fn success(facts: &Facts<'_>, cx: &Cx) -> Result<Success, StepError> {
    let Facts { build, inputs, solved, cache, ref log, took } = *facts;
    let digest = solved.digest.clone().ok_or_else(|| {
        StepError::new(
            Fault::Ours,
            "buildkitd built the image, but its answer has no digest; please report it",
        )
    })?;
    let tags: Vec<_> = build.tags.iter().map(|tag| tag.image.to_string()).collect();
    let name = build.tags.first().map(|tag| tag.image.name());
    let image = name.map_or_else(|| digest.clone(), |name| format!("{name}@{digest}"));
    let done = if build.push { "pushed" } else { "built" };
    let (cached, total) = (solved.cached_steps, solved.total_steps);
    let summary = format!("{done} {image} in {}, {cached} of {total} steps cached", elapsed_text(took));
    let outputs = [
        ("metadata", metadata(solved, &digest, cx)),
        ("digest", digest),
        ("image", image),
        ("tags", json!(tags).to_string()),
        ("revision", inputs.sha.clone()),
        ("cached-steps", cached.to_string()),
        ("total-steps", total.to_string()),
        ("seconds", format!("{:.1}", took.as_secs_f64())),
        ("cache", cache.to_string()),
        ("warnings", json!(warnings(facts, cx)).to_string()),
        ("log", log.clone()),
        ("log-tail", solved.log_tail.clone()),
    ];
    let outputs: Outputs = outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Success { summary, outputs })
}

/// The digest is there too where a build was found again, whose record lacks it.
fn metadata(solved: &Solved, digest: &str, cx: &Cx) -> String {
    let mut all = solved.metadata.clone();
    all.entry("containerimage.digest".to_owned()).or_insert_with(|| json!(digest));
    cx.redactor.line(&json!(all).to_string())
}

/// Cleaned here: JSON's escapes would hide a secret from the redactor.
fn warnings(facts: &Facts<'_>, cx: &Cx) -> Vec<String> {
    let failed = match facts.cache {
        Cache::Failed(why) => Some(format!("cache export: {why}")),
        _ => None,
    };
    let shown = |warning: String| text::cut(cx.redactor.line(&warning), WARNING);
    let told = facts.inputs.imports.left_out.iter().chain(&facts.solved.warnings).cloned();
    let sources = absent::warnings(facts.build, facts.inputs);
    told.chain(sources).chain(failed).map(shown).collect()
}

/// The build's error as the step's, its vertices as spans.
pub(super) fn failure(error: BuildError, cx: &Cx) -> StepError {
    spans(&error.vertices, cx);
    let outputs = Outputs::from([("log-tail".to_owned(), error.log_tail)]);
    StepError { fault: error.fault, message: error.message, outputs, exit_code: error.exit_code }
}

/// One child span for each vertex that ran.
pub(super) fn spans(vertices: &[VertexSummary], cx: &Cx) {
    let step = tracing::Span::current();
    for vertex in vertices {
        let (Some(started), Some(completed)) = (vertex.started, vertex.completed) else { continue };
        let name = cx.redactor.line(&vertex.name);
        let error = vertex.error.as_deref().map(|error| cx.redactor.line(error));
        let past =
            Past { name: &name, times: (started, completed), cached: vertex.cached, error: error.as_deref() };
        telemetry::record(&step, &past);
    }
}
