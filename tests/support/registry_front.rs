//! A proxy in front of a registry that records the requests, and answers some of them itself.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, RANGE};
use axum::response::{IntoResponse as _, Response};

/// One request that the proxy received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The proxy's own `host:port`.
    pub(crate) host: String,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The `Range` header; empty if there was none.
    pub(crate) range: String,
    /// The `Authorization` header; empty if there was none.
    pub(crate) authorization: String,
    /// The `Content-Length` header; empty if there was none.
    pub(crate) length: String,
    /// How often the same method and path came before, whatever their query was.
    pub(crate) before: usize,
}

type Fault = dyn Fn(&Seen) -> Option<Response> + Send + Sync;
type Change = dyn Fn(&Seen, &mut Response) + Send + Sync;

/// A running proxy. It ends with the test's runtime.
pub(crate) struct RegistryFront {
    host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Inner {
    host: String,
    upstream: String,
    client: reqwest::Client,
    seen: Arc<Mutex<Vec<Seen>>>,
    fault: Arc<Fault>,
    change: Arc<Change>,
    mounts: bool,
}

impl RegistryFront {
    /// A proxy in front of the registry at `upstream`. `fault` answers in its place.
    pub(crate) async fn start(
        upstream: &str,
        fault: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::new(upstream, true, Arc::new(fault), Arc::new(|_: &Seen, _: &mut Response| {})).await
    }

    /// A proxy that forwards every request, and then answers some with `lost` in the registry's place.
    pub(crate) async fn losing_answers(
        upstream: &str,
        lost: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let lose = move |seen: &Seen, answer: &mut Response| {
            if let Some(other) = lost(seen) {
                *answer = other;
            }
        };
        Self::changing_answers(upstream, lose).await
    }

    /// A proxy that forwards every request, and changes the answers.
    pub(crate) async fn changing_answers(
        upstream: &str,
        change: impl Fn(&Seen, &mut Response) + Send + Sync + 'static,
    ) -> Self {
        Self::new(upstream, true, Arc::new(|_: &Seen| None), Arc::new(change)).await
    }

    /// The same in front of a registry that opens an upload in the place of a mount.
    pub(crate) async fn without_mounts(
        upstream: &str,
        fault: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        Self::new(upstream, false, Arc::new(fault), Arc::new(|_: &Seen, _: &mut Response| {})).await
    }

    async fn new(upstream: &str, mounts: bool, fault: Arc<Fault>, change: Arc<Change>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (host, seen) = (listener.local_addr().unwrap().to_string(), Arc::default());
        let inner = Inner {
            host: host.clone(),
            upstream: format!("http://{upstream}"),
            client: super::net::client(),
            seen: Arc::clone(&seen),
            fault,
            change,
            mounts,
        };
        let router = axum::Router::new().fallback(answer).with_state(inner);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, seen }
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The methods of all requests so far, sorted.
    pub(crate) fn methods(&self) -> Vec<String> {
        let mut methods: Vec<_> = self.seen().into_iter().map(|seen| seen.method).collect();
        methods.sort();
        methods
    }

    /// Whether anything was written so far.
    pub(crate) fn is_written(&self) -> bool {
        self.methods().iter().any(|method| !matches!(method.as_str(), "GET" | "HEAD"))
    }
}

async fn answer(State(front): State<Inner>, request: Request) -> Response {
    let seen = record(&front, &request);
    match (front.fault)(&seen) {
        Some(answer) => {
            let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
            answer
        }
        None => {
            let mut answer = forward(&front, request).await;
            (front.change)(&seen, &mut answer);
            answer
        }
    }
}

fn record(front: &Inner, request: &Request) -> Seen {
    let header = |name| {
        let value = request.headers().get(name);
        value.map_or_else(String::new, |value: &HeaderValue| value.to_str().unwrap().to_owned())
    };
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let mut all = front.seen.lock().unwrap();
    let place = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
    let before = all.iter().filter(|seen| seen.method == method && place(&seen.path) == place(&path)).count();
    let host = front.host.clone();
    let (range, authorization, length) = (header(RANGE), header(AUTHORIZATION), header(CONTENT_LENGTH));
    let seen = Seen { host, method, path, range, authorization, length, before };
    all.push(seen.clone());
    seen
}

async fn forward(front: &Inner, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if !front.mounts && path.contains("?mount=") {
        path = parts.uri.path();
    }
    let mut headers = parts.headers;
    headers.insert(HOST, front.host.parse().unwrap());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = front.client.request(parts.method, format!("{}{path}", front.upstream));
    let reply = request.headers(headers).body(body).send().await.unwrap();
    let (status, headers) = (reply.status(), reply.headers().clone());
    (status, headers, Body::from_stream(reply.bytes_stream())).into_response()
}

/// The first `bytes` of an answer that states `whole` bytes. Then the connection breaks.
pub(crate) fn cut(body: &[u8], bytes: usize) -> Response {
    let part = bytes::Bytes::copy_from_slice(&body[..bytes]);
    let parts = futures_util::stream::iter([Ok(part), Err(std::io::Error::other("cut"))]);
    ([("content-length", body.len().to_string())], Body::from_stream(parts)).into_response()
}
