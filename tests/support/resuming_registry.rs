//! A registry in memory that keeps what it has received of a broken upload, as the distribution specification wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::images::digest;

/// A running registry. It ends with the test's runtime.
pub(crate) struct ResumingRegistry {
    host: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    content: Mutex<Content>,
    /// Held by a request about an upload, as the lock of a real registry: what a broken one has sent counts before the next is answered.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Content {
    /// What each upload has received. Blobs of one image are sent at the same time.
    uploads: Vec<Vec<u8>>,
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, Bytes>,
}

impl ResumingRegistry {
    /// A registry with one repository.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared = Arc::<Shared>::default();
        let router = axum::Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, shared }
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Waits until an upload has at least `bytes` bytes.
    pub(crate) fn has_received(&self, bytes: usize) -> impl Future<Output = ()> + Send + 'static {
        let shared = self.shared.clone();
        async move {
            while !shared.content.lock().unwrap().uploads.iter().any(|upload| upload.len() >= bytes) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// The size of the blob `digest`; `None` if it is not there.
    pub(crate) fn blob(&self, digest: &str) -> Option<usize> {
        self.shared.content.lock().unwrap().blobs.get(digest).map(Vec::len)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let content = &shared.content;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let query = request.uri().query().unwrap_or_default().replace("%3A", ":");
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    if path.contains("/manifests/") {
        let body = axum::body::to_bytes(request.into_body(), 4 << 20).await.unwrap();
        return manifest(&mut content.lock().unwrap(), &method, name, body);
    }
    if !path.contains("/uploads/") {
        let known = content.lock().unwrap().blobs.contains_key(&name);
        return if known { StatusCode::OK } else { StatusCode::NOT_FOUND }.into_response();
    }
    let _turn = shared.turn.lock().await;
    if method == Method::POST {
        content.lock().unwrap().uploads.push(Vec::new());
    }
    let nth = name.parse().unwrap_or_else(|_| content.lock().unwrap().uploads.len() - 1);
    let mut body = request.into_body().into_data_stream();
    while let Some(Ok(piece)) = body.next().await {
        content.lock().unwrap().uploads[nth].extend_from_slice(&piece);
    }
    let mut content = content.lock().unwrap();
    if let Some(wanted) = query.strip_prefix("digest=") {
        return complete(&mut content, nth, wanted);
    }
    let range = format!("0-{}", content.uploads[nth].len().saturating_sub(1));
    let status = if method == Method::GET { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED };
    (status, [("location", format!("/v2/a/blobs/uploads/{nth}")), ("range", range)]).into_response()
}

fn complete(content: &mut Content, nth: usize, wanted: &str) -> Response {
    if digest(&content.uploads[nth]) != wanted {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let blob = std::mem::take(&mut content.uploads[nth]);
    content.blobs.insert(wanted.to_owned(), blob);
    StatusCode::CREATED.into_response()
}

fn manifest(content: &mut Content, method: &Method, name: String, body: Bytes) -> Response {
    if *method == Method::PUT {
        content.manifests.insert(name, body);
        return StatusCode::CREATED.into_response();
    }
    match content.manifests.get(&name) {
        Some(found) => ([("docker-content-digest", digest(found))], found.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
