//! A proxy in front of a Git server. It forwards everything except the pushes that the test makes fail.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Notify;

use super::net::client;

/// The fault of one push.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PushFault {
    /// The server does not receive it, and the reply breaks.
    LostOnTheWay,
    /// The server accepts it, and the reply breaks.
    ReplyLost,
    /// The server does not receive it, and the reply has this status.
    Status(u16),
    /// It waits at the proxy until [`GitProxy::release`].
    Held,
}

/// A running proxy. It ends with the test's runtime.
pub(crate) struct GitProxy(Arc<Inner>, String);

struct Inner {
    upstream: String,
    faults: Mutex<VecDeque<PushFault>>,
    pushes: Mutex<usize>,
    came: Notify,
    go: Notify,
}

impl GitProxy {
    /// Starts a proxy in front of `upstream`, `http://host:port`, with the faults of the first pushes, in their
    /// order.
    pub(crate) async fn start(upstream: &str, faults: &[PushFault]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            upstream: upstream.to_owned(),
            faults: Mutex::new(faults.iter().copied().collect()),
            pushes: Mutex::default(),
            came: Notify::new(),
            go: Notify::new(),
        });
        let router = axum::Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(inner, url)
    }

    /// The URL `url` of `upstream`, through this proxy.
    pub(crate) fn through(&self, url: &str) -> String {
        url.replace(&self.0.upstream, &self.1)
    }

    /// The number of pushes so far.
    pub(crate) fn pushes(&self) -> usize {
        *self.0.pushes.lock().unwrap()
    }

    /// Waits until a push is held.
    pub(crate) async fn held(&self) {
        self.0.came.notified().await;
    }

    /// Forwards the push that is held.
    pub(crate) fn release(&self) {
        self.0.go.notify_one();
    }
}

async fn answer(State(proxy): State<Arc<Inner>>, request: Request) -> Response {
    let push = request.method() == Method::POST && request.uri().path().ends_with("/git-receive-pack");
    if !push {
        return forward(&proxy, request).await;
    }
    *proxy.pushes.lock().unwrap() += 1;
    let fault = proxy.faults.lock().unwrap().pop_front();
    match fault {
        None => forward(&proxy, request).await,
        Some(PushFault::LostOnTheWay) => broken(),
        Some(PushFault::ReplyLost) => {
            forward(&proxy, request).await;
            broken()
        }
        Some(PushFault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(PushFault::Held) => {
            proxy.came.notify_one();
            proxy.go.notified().await;
            forward(&proxy, request).await
        }
    }
}

/// A reply that breaks before the first byte of its content.
fn broken() -> Response {
    let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Body::from_stream(futures_util::stream::iter([Err::<Vec<u8>, _>(cut)])).into_response()
}

async fn forward(proxy: &Inner, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let mut headers = parts.headers;
    for own in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(own);
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = client().request(parts.method, format!("{}{path}", proxy.upstream));
    let reply = request.headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    headers.remove(TRANSFER_ENCODING);
    (status, headers, Body::from(reply.bytes().await.unwrap())).into_response()
}
