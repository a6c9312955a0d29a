//! The report of a build: outputs, the error, a span per vertex.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use super::super::context::Cx;
use super::inputs::Inputs;
use super::missing_files;
use crate::buildkit::{BuildError, Solved, VertexSummary};
use crate::duration::elapsed_text;
use crate::outcome::{Fault, Outputs, StepError, Success};
use crate::step::Build;
use crate::telemetry::{self, FinishedSpan};
use crate::text;

/// The largest warning, in bytes.
const WARNING: usize = 1000;

/// The outcome of the cache export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cache {
    /// The step requested no export, or none for such a commit.
    None,
    /// The cache was written.
    Exported,
    /// Nothing new was built, and the registry already has the cache.
    Skipped,
    /// The export failed, and the step is configured to continue.
    Failed(String),
}

impl Cache {
    /// Its name in outputs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Exported => "exported",
            Self::Skipped => "skipped",
            Self::Failed(_) => "failed",
        }
    }

    /// The outcome of two exports.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, other) | (other, Self::None) => other,
            (Self::Failed(one), Self::Failed(other)) => Self::Failed(format!("{one}; {other}")),
            (Self::Failed(why), _) | (_, Self::Failed(why)) => Self::Failed(why),
            (Self::Exported, _) | (_, Self::Exported) => Self::Exported,
            (Self::Skipped, Self::Skipped) => Self::Skipped,
        }
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The data of a successful build.
pub(super) struct BuildResult<'a> {
    pub(super) build: &'a Build,
    pub(super) inputs: &'a Inputs,
    pub(super) solved: &'a Solved,
    /// A line for each cache that the image was built without, because it could not be read.
    pub(super) left_out: &'a [String],
    pub(super) cache: &'a Cache,
    /// How long the cache export took.
    pub(super) wrote: Duration,
    /// Why a step was not cached; empty if that is not known.
    pub(super) miss: String,
    /// The reference of the build's log, which may still be uploading; empty if the log is not stored.
    pub(super) log: String,
    pub(super) took: Duration,
}

/// Creates the step's outputs and summary.
pub(super) fn success(result: &BuildResult<'_>, cx: &Cx) -> Result<Success, StepError> {
    let BuildResult { build, inputs, solved, cache, wrote, ref miss, ref log, took, .. } = *result;
    let digest = solved.digest.clone().ok_or_else(|| {
        StepError::new(
            Fault::Ours,
            "buildkitd built the image, but its answer has no digest; please report it",
        )
    })?;
    let named = Named::new(build, &digest);
    let image = &named.image;
    let done = if build.push { "pushed" } else { "built" };
    let (cached, total) = (solved.cached_steps, solved.total_steps);
    let summary = format!("{done} {image} in {}, {cached} of {total} steps cached", elapsed_text(took));
    let outputs = [
        ("metadata", metadata(solved, &digest, cx)),
        ("digest", digest),
        ("cached-steps", cached.to_string()),
        ("total-steps", total.to_string()),
        ("seconds", format!("{:.1}", took.as_secs_f64())),
        ("cache", cache.to_string()),
        ("cache-cost", cost(inputs, &solved.vertices, wrote)),
        ("cache-miss", miss.clone()),
        ("warnings", json!(warnings(result, cx)).to_string()),
        ("log", log.clone()),
        ("log-tail", solved.log_tail.clone()),
        ("skipped", "false".to_owned()),
    ];
    let outputs = outputs.into_iter().chain(named.outputs(build, inputs));
    let outputs: Outputs = outputs.map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Success { summary, outputs })
}

/// The outputs of an image that was there already, the same as those of its build but for the numbers and the log.
pub(super) fn skipped(build: &Build, inputs: &Inputs, digest: String, took: Duration) -> Success {
    let named = Named::new(build, &digest);
    let outputs = [
        ("metadata", json!({"containerimage.digest": digest}).to_string()),
        ("digest", digest),
        ("cached-steps", "0".to_owned()),
        ("total-steps", "0".to_owned()),
        ("seconds", format!("{:.1}", took.as_secs_f64())),
        ("cache", if inputs.exports.is_empty() { Cache::None } else { Cache::Skipped }.to_string()),
        ("cache-cost", cost(inputs, &[], Duration::ZERO)),
        ("cache-miss", String::new()),
        ("warnings", "[]".to_owned()),
        ("log", String::new()),
        ("log-tail", String::new()),
        ("skipped", "true".to_owned()),
    ];
    let summary = format!("skipped: {} was built from the same inputs", named.image);
    let outputs = outputs.into_iter().chain(named.outputs(build, inputs));
    Success { summary, outputs: outputs.map(|(name, value)| (name.to_owned(), value)).collect() }
}

/// Whether `success` is that of an image that was there already.
pub(super) fn is_skipped(success: &Success) -> bool {
    success.outputs.get("skipped").is_some_and(|skipped| skipped == "true")
}

/// The names of the image.
struct Named {
    image: String,
    tags: Vec<String>,
}

impl Named {
    fn new(build: &Build, digest: &str) -> Self {
        let name = build.tags.first().map(|tag| tag.image.name());
        let image = name.map_or_else(|| digest.to_owned(), |name| format!("{name}@{digest}"));
        Self { image, tags: build.tags.iter().map(|tag| tag.image.to_string()).collect() }
    }

    /// The outputs that follow from the step, its commit and the digest.
    fn outputs(self, build: &Build, inputs: &Inputs) -> [(&'static str, String); 4] {
        [
            ("image", self.image),
            ("tags", json!(self.tags).to_string()),
            ("revision", inputs.sha.clone()),
            ("attestations", json!(build.attest.kinds().collect::<Vec<_>>()).to_string()),
        ]
    }
}

/// The beginning of the names of vertices that read a cache in a registry (buildkit `cache/remotecache/import.go`).
const IMPORT: &str = "importing cache manifest";

/// The seconds that caches took: until they were checked here and imported by the daemon, and until one was written.
fn cost(inputs: &Inputs, vertices: &[VertexSummary], wrote: Duration) -> String {
    let imports = vertices.iter().filter(|vertex| vertex.name.starts_with(IMPORT));
    let took = |vertex: &VertexSummary| vertex.completed?.duration_since(vertex.started?).ok();
    let read = inputs.imports.took + imports.filter_map(took).sum::<Duration>();
    let seconds = |took: Duration| (took.as_secs_f64() * 10.0).round() / 10.0;
    json!({"read": seconds(read), "write": seconds(wrote)}).to_string()
}

/// The metadata output. The digest is added for a build that was found again, because its record lacks it.
fn metadata(solved: &Solved, digest: &str, cx: &Cx) -> String {
    let mut all = solved.metadata.clone();
    all.entry("containerimage.digest".to_owned()).or_insert_with(|| json!(digest));
    cx.redactor.line(&json!(all).to_string())
}

/// The warnings. Secrets are removed here, because JSON's escapes would hide them from a later redactor.
fn warnings(result: &BuildResult<'_>, cx: &Cx) -> Vec<String> {
    let failed = match result.cache {
        Cache::Failed(why) => Some(format!("cache export: {why}")),
        _ => None,
    };
    let shown = |warning: String| text::cut(cx.redactor.line(&warning), WARNING);
    let inputs = result.inputs;
    let left_out = inputs.imports.left_out.iter().chain(result.left_out);
    let told = left_out.chain(&inputs.unexported).chain(&result.solved.warnings).cloned();
    let sources = missing_files::warnings(result.build, inputs);
    told.chain(sources).chain(failed).map(shown).collect()
}

/// Converts the build's error to the step's error, and its vertices to spans.
pub(super) fn failure(error: BuildError, cx: &Cx) -> StepError {
    spans(&error.vertices, cx);
    let outputs = Outputs::from([("log-tail".to_owned(), error.log_tail)]);
    StepError { fault: error.fault, message: error.message, outputs, exit_code: error.exit_code }
}

/// Creates a child span for each vertex that ran.
pub(super) fn spans(vertices: &[VertexSummary], cx: &Cx) {
    let step = tracing::Span::current();
    for vertex in vertices {
        let (Some(started), Some(completed)) = (vertex.started, vertex.completed) else { continue };
        let name = cx.redactor.line(&vertex.name);
        let error = vertex.error.as_deref().map(|error| cx.redactor.line(error));
        let finished = FinishedSpan {
            name: &name,
            times: (started, completed),
            cached: vertex.cached,
            error: error.as_deref(),
        };
        telemetry::record(&step, &finished);
    }
}
