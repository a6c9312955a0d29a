//! A proxy in front of an API server. It forwards everything except the requests that the test makes fail.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use futures_util::stream;
use kube::{Client, Config};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The fault of one watch request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchFault {
    /// The request asks for changes since the very first version.
    Old,
    /// The answer has this status.
    Status(u16),
    /// There is no answer.
    Held,
}

/// A running proxy. It ends with the test's runtime.
pub(crate) struct ApiServerProxy {
    inner: Arc<Inner>,
    url: String,
}

struct Inner {
    upstream: Client,
    fault: Mutex<Option<WatchFault>>,
    shut: AtomicBool,
    lists: AtomicUsize,
    watches: AtomicUsize,
    cut: Mutex<CancellationToken>,
    /// Whether answers to reports are held back.
    keep: watch::Sender<bool>,
    kept: AtomicUsize,
}

impl ApiServerProxy {
    /// Starts a proxy in front of the server of `upstream`. All requests have the rights of `upstream`.
    pub(crate) async fn start(upstream: Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            upstream,
            fault: Mutex::default(),
            shut: AtomicBool::new(false),
            lists: AtomicUsize::new(0),
            watches: AtomicUsize::new(0),
            cut: Mutex::default(),
            keep: watch::Sender::new(false),
            kept: AtomicUsize::new(0),
        });
        let router = axum::Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, url }
    }

    /// A client for the server, through the proxy.
    pub(crate) fn client(&self) -> Client {
        Client::try_from(Config::new(self.url.parse().unwrap())).unwrap()
    }

    /// `host:port` of the proxy.
    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Makes the next watch request fail.
    pub(crate) fn fail_next_watch(&self, fault: WatchFault) {
        *self.inner.fault.lock().unwrap() = Some(fault);
    }

    /// A kubeconfig for the server, through the proxy.
    pub(crate) fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": self.url}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        })
        .to_string()
    }

    /// Holds back the answers to accepted reports, or sends them.
    pub(crate) fn keep_answers(&self, keep: bool) {
        self.inner.keep.send_replace(keep);
    }

    /// The number of answers that were held back so far.
    pub(crate) fn kept(&self) -> usize {
        self.inner.kept.load(Ordering::SeqCst)
    }

    /// Breaks all answers in progress.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.inner.cut.lock().unwrap()).cancel();
    }

    /// Sets whether every request is answered with "unavailable".
    pub(crate) fn refuse_all(&self, shut: bool) {
        self.inner.shut.store(shut, Ordering::SeqCst);
    }

    /// The number of list requests so far, including further pages.
    pub(crate) fn lists(&self) -> usize {
        self.inner.lists.load(Ordering::SeqCst)
    }

    /// The number of watch requests so far.
    pub(crate) fn watches(&self) -> usize {
        self.inner.watches.load(Ordering::SeqCst)
    }
}

async fn answer(State(proxy): State<Arc<Inner>>, mut request: Request) -> Response {
    if proxy.shut.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let cut = proxy.cut.lock().unwrap().clone();
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    if watches {
        proxy.watches.fetch_add(1, Ordering::SeqCst);
        let fault = proxy.fault.lock().unwrap().take();
        match fault {
            Some(WatchFault::Old) => *request.uri_mut() = since_first(request.uri()),
            Some(WatchFault::Status(code)) => return StatusCode::from_u16(code).unwrap().into_response(),
            Some(WatchFault::Held) => return held(cut).await,
            None => {}
        }
    } else if request.method() == Method::GET {
        proxy.lists.fetch_add(1, Ordering::SeqCst);
    }
    let reports = request.method() == Method::PATCH && request.uri().path().ends_with("/status");
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let reply = proxy.upstream.send(Request::from_parts(parts, body.into())).await;
    if reports && *proxy.keep.borrow() {
        proxy.kept.fetch_add(1, Ordering::SeqCst);
        // The proxy exists as long as this task.
        let _ = proxy.keep.subscribe().wait_for(|keep| !keep).await;
    }
    let (parts, body) = reply.unwrap().into_parts();
    let body = Body::new(body).into_data_stream().take_until(cut.clone().cancelled_owned());
    // Only an error breaks the connection. The end of the stream would be a regular end of the answer.
    let broken = stream::once(cut.cancelled_owned()).map(|()| Err(axum::Error::new("cut")));
    let body = match watches {
        true => Body::from_stream(body.chain(broken)),
        false => Body::from_stream(body),
    };
    Response::from_parts(parts, body)
}

async fn held(cut: CancellationToken) -> Response {
    cut.cancelled().await;
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// The same with `resourceVersion=1`.
fn since_first(uri: &axum::http::Uri) -> axum::http::Uri {
    let (path, query) = uri.path_and_query().unwrap().as_str().split_once('?').unwrap();
    let others = query.split('&').filter(|pair| !pair.starts_with("resourceVersion="));
    let query: Vec<_> = others.chain(["resourceVersion=1"]).collect();
    format!("{path}?{}", query.join("&")).parse().unwrap()
}
