//! A door before a Git server, which lets all through but the pushes that it was told to spoil.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Notify;

use super::net::client;

/// What becomes of one push.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spoil {
    /// The server never sees it, and the reply breaks off.
    LostOnTheWay,
    /// The server takes it, and the reply breaks off.
    ReplyLost,
    /// The server never sees it, and the reply has this status.
    Status(u16),
    /// It waits at the door until [`Door::let_go`].
    Held,
}

/// A running door; it ends with the test's runtime.
pub(crate) struct Door(Arc<Inner>, String);

struct Inner {
    upstream: String,
    spoils: Mutex<VecDeque<Spoil>>,
    pushes: Mutex<usize>,
    came: Notify,
    go: Notify,
}

impl Door {
    /// A door before `upstream`, `http://host:port`, which spoils the first pushes, one after the other.
    pub(crate) async fn start(upstream: &str, spoils: &[Spoil]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            upstream: upstream.to_owned(),
            spoils: Mutex::new(spoils.iter().copied().collect()),
            pushes: Mutex::default(),
            came: Notify::new(),
            go: Notify::new(),
        });
        let router = axum::Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(inner, url)
    }

    /// `upstream`'s `url` as it is through this door.
    pub(crate) fn through(&self, url: &str) -> String {
        url.replace(&self.0.upstream, &self.1)
    }

    /// How many pushes came.
    pub(crate) fn pushes(&self) -> usize {
        *self.0.pushes.lock().unwrap()
    }

    /// Waits until a push is held.
    pub(crate) async fn held(&self) {
        self.0.came.notified().await;
    }

    /// Lets the push that is held through.
    pub(crate) fn let_go(&self) {
        self.0.go.notify_one();
    }
}

async fn answer(State(door): State<Arc<Inner>>, request: Request) -> Response {
    let push = request.method() == Method::POST && request.uri().path().ends_with("/git-receive-pack");
    if !push {
        return forward(&door, request).await;
    }
    *door.pushes.lock().unwrap() += 1;
    let spoil = door.spoils.lock().unwrap().pop_front();
    match spoil {
        None => forward(&door, request).await,
        Some(Spoil::LostOnTheWay) => broken(),
        Some(Spoil::ReplyLost) => {
            forward(&door, request).await;
            broken()
        }
        Some(Spoil::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Spoil::Held) => {
            door.came.notify_one();
            door.go.notified().await;
            forward(&door, request).await
        }
    }
}

/// A reply that breaks off before its first byte of content.
fn broken() -> Response {
    let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Body::from_stream(futures_util::stream::iter([Err::<Vec<u8>, _>(cut)])).into_response()
}

async fn forward(door: &Inner, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let mut headers = parts.headers;
    for own in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(own);
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = client().request(parts.method, format!("{}{path}", door.upstream));
    let reply = request.headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    headers.remove(TRANSFER_ENCODING);
    (status, headers, Body::from(reply.bytes().await.unwrap())).into_response()
}
