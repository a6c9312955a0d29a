//! Logs and traces.
//!
//! Logs are text or JSON on standard error. They include the lines of builds: events with the target
//! [`BUILD_TARGET`], which the sidecar prints on standard output. Traces are sent over OTLP (gRPC) if
//! `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. The id of a workflow's trace follows
//! from the workflow: its `traceparent`, the id of the hook's delivery, or its uid. So other programs can find this
//! trace, and add spans to it.

mod authorities;
mod exporter;
mod ids;
mod lines;
mod printer;
mod run_ids;
mod runs;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use lines::{LogOutput, TextFormat};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use printer::Printer;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::time_limits::{Late, calls};

pub use run_ids::TraceOrigin;
pub use runs::{Run, RunResult};
pub(crate) use runs::{begin_run, end_run, end_runs, forget_runs, knows_run, step_ended};

/// The instrumentation scope of every span.
const SCOPE: &str = "argo-buildkit";

/// The target of the events that are lines of a build. They have the fields `workflow`, `job` and `step`.
pub const BUILD_TARGET: &str = "build";

/// The variables that turn the exporter on (OpenTelemetry's specification).
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The variables for the time limit of one batch, in milliseconds.
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

/// Whether this process sends its traces to a collector.
static SENDS_TRACES: AtomicBool = AtomicBool::new(false);

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The running telemetry. Call [`Telemetry::flush`] before the process ends.
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    /// The collector's name in messages.
    collector: String,
    printer: Option<Printer>,
}

/// Starts logging, and tracing if an endpoint is set. Call it once, inside the runtime. `printing` is for a process
/// whose standard output is the log of its builds.
pub fn init(format: LogFormat, filter: &str, printing: bool) -> anyhow::Result<Telemetry> {
    let collector = collector();
    let provider = exporter(&collector)?;
    SENDS_TRACES.store(provider.is_some(), Ordering::Relaxed);
    let filter = EnvFilter::try_new(filter)?;
    let printer = printing.then(|| Printer::start(std::io::stdout())).transpose()?;
    let fmt = tracing_subscriber::fmt::layer().with_writer(LogOutput { printer: printer.clone(), format });
    let fmt = match format {
        LogFormat::Text => {
            let format = tracing_subscriber::fmt::format().with_target(false).with_ansi(false);
            fmt.with_ansi(false).event_format(TextFormat(format)).boxed()
        }
        LogFormat::Json => fmt.json().flatten_event(true).boxed(),
    };
    let spans = provider.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SCOPE));
        // The spans of the HTTP libraries are left out, because there are too many.
        layer.with_filter(
            tracing_subscriber::filter::Targets::new().with_target("argo_buildkit", tracing::Level::INFO),
        )
    });
    tracing_subscriber::registry().with(fmt.with_filter(filter)).with(spans).try_init()?;
    Ok(Telemetry { provider, collector, printer })
}

/// The value of the first variable that is set and not empty. The variable for traces is the first.
fn first_of(names: [&str; 2]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn collector() -> String {
    format!("the OTLP collector at {}", first_of(ENDPOINTS).unwrap_or_default())
}

fn exporter(collector: &str) -> anyhow::Result<Option<SdkTracerProvider>> {
    if first_of(ENDPOINTS).is_none() {
        return Ok(None);
    }
    let limit = first_of(TIMEOUTS).and_then(|text| text.parse().ok().map(Duration::from_millis));
    let limit = limit.unwrap_or(calls::OTLP.whole());
    let inner = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_timeout(limit);
    let inner = match authorities::tls(|name| std::env::var_os(name))? {
        Some(tls) => inner.with_tls_config(tls).build()?,
        None => inner.build()?,
    };
    let resource = Resource::builder().with_service_name(SCOPE).build();
    let exporter = exporter::CleaningExporter { inner, peer: collector.to_owned(), limit };
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
    let provider = provider.with_id_generator(ids::Ids::default()).with_resource(resource).build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    Ok(Some(provider))
}

impl Telemetry {
    /// Sends the remaining spans, within a time limit.
    pub async fn flush(self) {
        if let Some(printer) = self.printer {
            let _ = tokio::task::spawn_blocking(move || printer.flush()).await;
        }
        let Some(provider) = self.provider else { return };
        let (limit, begun) = (calls::OTLP_LAST.whole(), Instant::now());
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit)).await;
        let Ok(Err(error)) = flushed else { return };
        // The provider's error does not say whether the time limit was exceeded.
        let why = match begun.elapsed() >= limit {
            true => Late::Whole { peer: self.collector, limit }.to_string(),
            false => format!("{}: {error}", self.collector),
        };
        tracing::warn!("the last spans could not be sent: {}", crate::text::line(&why));
    }
}

/// Whether this process sends traces.
pub(crate) fn sends_traces() -> bool {
    SENDS_TRACES.load(Ordering::Relaxed)
}

/// Puts `span` below that of the workflow `uid`.
pub fn join_workflow(span: &Span, uid: &str) {
    let parent = Context::new().with_remote_span_context(runs::ids(uid).context());
    // This fails only without an exporter, and then there is no trace.
    let _ = span.set_parent(parent);
    let pipeline = runs::pipeline(uid).map(|name| ("cicd.pipeline.name", name));
    set(span, pipeline.into_iter().chain([("cicd.pipeline.run.id", uid.to_owned())]));
}

/// The id of the trace of the workflow `uid`, in hexadecimal; `None` if no traces are sent.
pub(crate) fn trace_id(uid: &str) -> Option<String> {
    sends_traces().then(|| runs::ids(uid).trace.to_string())
}

/// Sets attributes of `span` that are for traces alone: those of a `tracing` span are in each line of the log too.
pub(crate) fn set(span: &Span, attributes: impl IntoIterator<Item = (&'static str, String)>) {
    attributes.into_iter().for_each(|(name, value)| span.set_attribute(name, value));
}

/// Marks `span` as failed: a class of error for `error.type`, and the text.
pub(crate) fn fail(span: &Span, class: &'static str, why: &str) {
    span.set_attribute("error.type", class);
    span.set_status(Status::error(why.to_owned()));
}

/// Links `span` to the span that `traceparent` names. An invalid text is ignored.
pub(crate) fn link(span: &Span, traceparent: &str) {
    if let Some(context) = run_ids::parse(traceparent) {
        span.add_link(context);
    }
}

/// The W3C `traceparent` of `span`; `None` if spans are not recorded.
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    let flags = context.trace_flags().to_u8();
    context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
}

/// An event that has ended, to be recorded as a child span.
pub struct FinishedSpan<'a> {
    /// The name of the span.
    pub name: &'a str,
    /// The start and the end.
    pub times: (SystemTime, SystemTime),
    /// Whether the result came from a cache.
    pub cached: bool,
    /// The error, if it failed.
    pub error: Option<&'a str>,
}

/// Records `finished` as a child of `span`.
pub fn record(span: &Span, finished: &FinishedSpan<'_>) {
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return;
    }
    let builder = SpanBuilder::from_name(finished.name.to_owned())
        .with_kind(SpanKind::Internal)
        .with_start_time(finished.times.0)
        .with_attributes([KeyValue::new("buildkit.cached", finished.cached)]);
    let mut child = opentelemetry::global::tracer(SCOPE).build_with_context(builder, &context);
    if let Some(error) = finished.error {
        child.set_status(Status::error(error.to_owned()));
    }
    child.end_with_timestamp(finished.times.1);
}
