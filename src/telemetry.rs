//! Logs and traces.
//!
//! Logs are text or JSON on standard error. What builds print is part of them: events of the target
//! [`BUILD_TARGET`], which the sidecar prints on standard output. Traces go out over OTLP (gRPC) when
//! `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set, and nowhere otherwise.
//! A workflow's uid is a UUID, so it is the trace id: everyone who knows the workflow finds, and adds
//! to, the one trace, without a header being passed.

mod authorities;
mod exporter;
mod lines;
mod printer;

use std::time::{Duration, Instant, SystemTime};

use lines::{Outlets, Text};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use printer::Printer;
use sha2::{Digest, Sha256};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::time_limits::{Late, calls};

/// The instrumentation scope of every span.
const SCOPE: &str = "argo-buildkit";

/// The target of events that are lines of a build, with the fields `workflow`, `job` and `step`.
pub const BUILD_TARGET: &str = "build";

/// The variables of which either turns the exporter on (OpenTelemetry's specification names them).
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// How long a collector may take for one batch, in milliseconds.
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object per line.
    Json,
}

/// Telemetry at work; [`Telemetry::flush`] it before the process ends.
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    /// The collector, for messages.
    collector: String,
    printer: Option<Printer>,
}

/// Starts logging, and tracing where an endpoint is set. Call it inside the runtime, once. `printing` is for
/// a process whose standard output is the log of its builds.
pub fn init(format: LogFormat, filter: &str, printing: bool) -> anyhow::Result<Telemetry> {
    let collector = collector();
    let provider = exporter(&collector)?;
    let filter = EnvFilter::try_new(filter)?;
    let printer = printing.then(|| Printer::start(std::io::stdout())).transpose()?;
    let fmt = tracing_subscriber::fmt::layer().with_writer(Outlets { printer: printer.clone(), format });
    let fmt = match format {
        LogFormat::Text => {
            let format = tracing_subscriber::fmt::format().with_target(false).with_ansi(false);
            fmt.with_ansi(false).event_format(Text(format)).boxed()
        }
        LogFormat::Json => fmt.json().flatten_event(true).boxed(),
    };
    let spans = provider.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(SCOPE));
        // Only our own spans: those of the HTTP stack below would drown them.
        layer.with_filter(
            tracing_subscriber::filter::Targets::new().with_target("argo_buildkit", tracing::Level::INFO),
        )
    });
    tracing_subscriber::registry().with(fmt.with_filter(filter)).with(spans).try_init()?;
    Ok(Telemetry { provider, collector, printer })
}

/// The first of the variables that says something; that of the traces comes before the other.
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
    let exporter = exporter::Plain { inner, peer: collector.to_owned(), limit };
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    Ok(Some(provider))
}

impl Telemetry {
    /// Sends what has not been sent yet, if the collector takes it in time.
    pub async fn flush(self) {
        if let Some(printer) = self.printer {
            let _ = tokio::task::spawn_blocking(move || printer.flush()).await;
        }
        let Some(provider) = self.provider else { return };
        let (limit, begun) = (calls::OTLP_LAST.whole(), Instant::now());
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit)).await;
        let Ok(Err(error)) = flushed else { return };
        // The provider hides among its errors that the time is over.
        let why = match begun.elapsed() >= limit {
            true => Late::Whole { peer: self.collector, limit }.to_string(),
            false => format!("{}: {error}", self.collector),
        };
        tracing::warn!("the last spans could not be sent: {}", crate::text::line(&why));
    }
}

/// Puts `span` into the trace of the workflow `uid`.
pub fn join_workflow(span: &Span, uid: &str) {
    let parent = Context::new().with_remote_span_context(workflow_context(uid));
    // Fails only where no exporter is set up, and then there is no trace to join.
    let _ = span.set_parent(parent);
}

/// The trace of a workflow: its uid is the trace id, and a hash of it the span that all others hang from.
fn workflow_context(uid: &str) -> SpanContext {
    let digest = Sha256::digest(uid.as_bytes());
    let hexadecimal: String = uid.chars().filter(|c| *c != '-').collect();
    let trace =
        TraceId::from_hex(&hexadecimal).ok().filter(|id| *id != TraceId::INVALID && hexadecimal.len() == 32);
    let trace = trace.unwrap_or_else(|| TraceId::from_bytes(first(&digest)));
    let root = SpanId::from_bytes(first(&digest));
    SpanContext::new(trace, root, TraceFlags::SAMPLED, true, TraceState::default())
}

fn first<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&digest[..N]);
    bytes
}

/// The W3C `traceparent` of `span`, where spans are recorded.
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    let flags = context.trace_flags().to_u8();
    context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
}

/// An event of the past, which becomes a child span.
pub struct Past<'a> {
    /// What it was.
    pub name: &'a str,
    /// Its start and its end.
    pub times: (SystemTime, SystemTime),
    /// Whether a cache had it.
    pub cached: bool,
    /// Why it failed, if it did.
    pub error: Option<&'a str>,
}

/// Records `past` as a child of `span`.
pub fn record(span: &Span, past: &Past<'_>) {
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return;
    }
    let builder = SpanBuilder::from_name(past.name.to_owned())
        .with_kind(SpanKind::Internal)
        .with_start_time(past.times.0)
        .with_attributes([KeyValue::new("buildkit.cached", past.cached)]);
    let mut child = opentelemetry::global::tracer(SCOPE).build_with_context(builder, &context);
    if let Some(error) = past.error {
        child.set_status(Status::error(error.to_owned()));
    }
    child.end_with_timestamp(past.times.1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflows_uid_is_its_trace_id() {
        let context = workflow_context("4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id(), workflow_context("4bf92f35-77b3-4da6-a3ce-929d0e0e4736").span_id());
        assert!(workflow_context("").is_valid(), "a workflow without a uid still has one trace");
        assert!(workflow_context("not-a-uuid").is_valid());
    }
}
