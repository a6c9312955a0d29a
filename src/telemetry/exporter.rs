//! Exports spans, and cleans the text in their names and attributes.

use std::time::{Duration, Instant};

use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::text;
use crate::time_limits::Late;

/// The longest name or attribute, in bytes.
const LONGEST: usize = 4 << 10;

/// An exporter that cleans spans, and logs a warning when spans are lost.
#[derive(Debug)]
pub(super) struct CleaningExporter<E> {
    pub(super) inner: E,
    /// The collector, for messages.
    pub(super) peer: String,
    /// The time limit of `inner` for one batch.
    pub(super) limit: Duration,
}

impl<E> CleaningExporter<E> {
    fn lost(&self, spans: usize, took: Duration, error: &OTelSdkError) {
        let why = match took >= self.limit {
            true => Late::Whole { peer: self.peer.clone(), limit: self.limit }.to_string(),
            false => format!("{}: {error}", self.peer),
        };
        tracing::warn!(spans, "spans were lost: {}", text::line(&why));
    }
}

impl<E: SpanExporter> SpanExporter for CleaningExporter<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(span);
        let (spans, begun) = (batch.len(), Instant::now());
        let sent = self.inner.export(batch).await;
        sent.inspect_err(|error| self.lost(spans, begun.elapsed(), error))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

fn span(span: &mut SpanData) {
    span.name = plain(&span.name).into();
    span.attributes.iter_mut().for_each(attribute);
    for event in &mut span.events.events {
        event.name = plain(&event.name).into();
        event.attributes.iter_mut().for_each(attribute);
    }
    if let Status::Error { description } = &span.status {
        span.status = Status::error(plain(description));
    }
}

fn attribute(attribute: &mut KeyValue) {
    match &mut attribute.value {
        Value::String(value) => *value = plain(value.as_str()).into(),
        Value::Array(Array::String(values)) => {
            values.iter_mut().for_each(|value| *value = StringValue::from(plain(value.as_str())));
        }
        _ => {}
    }
}

fn plain(text: &str) -> String {
    text::cut(text::lines(text::head(text, 2 * LONGEST)), LONGEST)
}
