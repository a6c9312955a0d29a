//! An OTLP collector that records what it receives. The protocol is OpenTelemetry's own generated code.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use collector::trace_service_server::{TraceService, TraceServiceServer};
use collector::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1 as collector;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A running collector. It ends with its test's runtime.
pub(crate) struct Collector {
    endpoint: String,
    received: Received,
}

#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

/// The parts of a span that tests check.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    /// 32 hex digits.
    pub(crate) trace: String,
    pub(crate) id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    /// Nanoseconds since the epoch.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The attributes that are texts.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The trace and the id of each linked span.
    pub(crate) links: Vec<(String, Vec<u8>)>,
    /// Whether its status is an error.
    pub(crate) failed: bool,
}

impl Span {
    /// The attribute `name`; empty without it.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map(String::as_str).unwrap_or_default()
    }
}

impl Collector {
    /// A collector on a free port.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Received::default();
        let server =
            tonic::transport::Server::builder().add_service(TraceServiceServer::new(received.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { endpoint, received }
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Everything received, as text for a search.
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.received.0.lock().unwrap())
    }

    /// Every span received.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let received = self.received.0.lock().unwrap();
        let resources = received.iter().flat_map(|request| &request.resource_spans);
        let spans = resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans);
        spans
            .map(|span| Span {
                name: span.name.clone(),
                trace: hex::encode(&span.trace_id),
                id: span.span_id.clone(),
                parent: span.parent_span_id.clone(),
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                attributes: span.attributes.iter().filter_map(text).collect(),
                links: span
                    .links
                    .iter()
                    .map(|link| (hex::encode(&link.trace_id), link.span_id.clone()))
                    .collect(),
                failed: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
            })
            .collect()
    }
}

fn text(attribute: &KeyValue) -> Option<(String, String)> {
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some((attribute.key.clone(), text.clone())),
        _ => None,
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}
