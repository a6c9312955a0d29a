//! A registry that accepts every push, except into the repositories that the test makes fail, each in its own way.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::io::AsyncReadExt as _;

/// The request of a push that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// The first: it opens the upload of a blob.
    Upload,
    /// The upload of the blob.
    Blob,
    /// The last, which sets the tag.
    Manifest,
}

/// The fault of one request of a push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// The first part of the repository's name.
    pub(crate) name: &'static str,
    pub(crate) at: At,
    pub(crate) status: u16,
    pub(crate) body: &'static str,
}

/// A running registry. It ends with the test's runtime.
pub(crate) struct FaultRegistry(String);

impl FaultRegistry {
    /// Starts a registry with `faults`. If a repository or path begins with a status, the answer always has that
    /// status.
    pub(crate) async fn start(faults: &[Fault]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let faults: Arc<[Fault]> = faults.into();
        let router = Router::new().fallback(answer).with_state(faults);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(host)
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.0
    }
}

/// The `host:port` of a server that closes every connection without an answer.
pub(crate) async fn hanging_up() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    host
}

async fn answer(State(faults): State<Arc<[Fault]>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let digest = request.uri().query().and_then(|query| query.split_once("digest=sha256%3A"));
    let digest = digest.map(|(_, hex)| format!("sha256:{}", hex.split('&').next().unwrap_or_default()));
    // If a client is refused before it has sent everything, it sees a broken connection.
    let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
    let rest = path.strip_prefix("/v2/").unwrap_or_else(|| path.trim_start_matches('/'));
    let name = rest.split('/').next().unwrap_or_default();
    if let Some(status) = name.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()) {
        return (status, if status.is_success() { "hello" } else { "refused" }).into_response();
    }
    if name == "cut" {
        return cut();
    }
    let at = at(&method, &path);
    match faults.iter().find(|fault| fault.name == name && Some(fault.at) == at) {
        Some(fault) => refused(fault),
        None => taken(&method, &path, digest),
    }
}

fn at(method: &Method, path: &str) -> Option<At> {
    match *method {
        Method::POST => Some(At::Upload),
        Method::PUT if path.contains("/manifests/") => Some(At::Manifest),
        Method::PUT | Method::PATCH => Some(At::Blob),
        _ => None,
    }
}

fn refused(fault: &Fault) -> Response {
    let kind = if fault.body.starts_with('{') { "application/json" } else { "text/html" };
    let status = StatusCode::from_u16(fault.status).unwrap();
    (status, [("content-type", kind)], fault.body).into_response()
}

fn taken(method: &Method, path: &str, digest: Option<String>) -> Response {
    let created = |status, header: &'static str, value: String| {
        (status, [(HeaderName::from_static(header), value)]).into_response()
    };
    match *method {
        Method::POST => created(StatusCode::ACCEPTED, "location", format!("{path}upload")),
        // Daemons before v0.19 need this header.
        Method::PUT if let Some(digest) = digest => {
            created(StatusCode::CREATED, "docker-content-digest", digest)
        }
        Method::PUT => StatusCode::CREATED.into_response(),
        _ if path == "/v2/" => StatusCode::OK.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An answer that ends before its stated length.
fn cut() -> Response {
    let part = futures_util::stream::iter([Ok("part"), Err(std::io::Error::other("cut"))]);
    (StatusCode::OK, [("content-length", "1000")], Body::from_stream(part)).into_response()
}
