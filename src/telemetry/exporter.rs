//! Spans on their way out, with plain text in their names and attributes.

use std::time::Duration;

use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::text;

/// The longest name or attribute, in bytes.
const LONGEST: usize = 4 << 10;

/// An exporter of plain spans.
#[derive(Debug)]
pub(super) struct Plain<E>(pub(super) E);

impl<E: SpanExporter> SpanExporter for Plain<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(span);
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
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
