//! A door before an API server, which lets all through but what it was told to spoil.

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

/// What becomes of one request for a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// The server is asked for changes since its very first version.
    Old,
    /// It is answered with this status.
    Status(u16),
    /// It is never answered.
    Held,
}

/// A running door; it ends with the test's runtime.
pub(crate) struct Door {
    inner: Arc<Inner>,
    url: String,
}

struct Inner {
    upstream: Client,
    spoil: Mutex<Option<Spoil>>,
    shut: AtomicBool,
    lists: AtomicUsize,
    cut: Mutex<CancellationToken>,
    /// Whether answers to reports are kept, and how many are.
    keep: watch::Sender<bool>,
    kept: AtomicUsize,
}

impl Door {
    /// A door before the server of `upstream`, by whose rights all is done.
    pub(crate) async fn start(upstream: Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            upstream,
            spoil: Mutex::default(),
            shut: AtomicBool::new(false),
            lists: AtomicUsize::new(0),
            cut: Mutex::default(),
            keep: watch::Sender::new(false),
            kept: AtomicUsize::new(0),
        });
        let router = axum::Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inner, url }
    }

    /// A client of the server, through the door.
    pub(crate) fn client(&self) -> Client {
        Client::try_from(Config::new(self.url.parse().unwrap())).unwrap()
    }

    /// `host:port` of the door.
    pub(crate) fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Spoils the next request for a watch.
    pub(crate) fn spoil(&self, spoil: Spoil) {
        *self.inner.spoil.lock().unwrap() = Some(spoil);
    }

    /// A kubeconfig of the server, through the door.
    pub(crate) fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "door",
            "clusters": [{"name": "door", "cluster": {"server": self.url}}],
            "users": [{"name": "door", "user": {}}],
            "contexts": [{"name": "door", "context": {"cluster": "door", "user": "door"}}],
        })
        .to_string()
    }

    /// Keeps the answers to reports that the server takes, or gives them out.
    pub(crate) fn keep_answers(&self, keep: bool) {
        self.inner.keep.send_replace(keep);
    }

    /// How many it has kept so far.
    pub(crate) fn kept(&self) -> usize {
        self.inner.kept.load(Ordering::SeqCst)
    }

    /// Breaks off every answer under way, in the midst of it.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.inner.cut.lock().unwrap()).cancel();
    }

    /// Whether nobody is let through: each is told that the server is unavailable.
    pub(crate) fn shut(&self, shut: bool) {
        self.inner.shut.store(shut, Ordering::SeqCst);
    }

    /// How many lists were asked for so far, or pages of them.
    pub(crate) fn lists(&self) -> usize {
        self.inner.lists.load(Ordering::SeqCst)
    }
}

async fn answer(State(door): State<Arc<Inner>>, mut request: Request) -> Response {
    if door.shut.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let cut = door.cut.lock().unwrap().clone();
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    if watches {
        let spoil = door.spoil.lock().unwrap().take();
        match spoil {
            Some(Spoil::Old) => *request.uri_mut() = since_first(request.uri()),
            Some(Spoil::Status(code)) => return StatusCode::from_u16(code).unwrap().into_response(),
            Some(Spoil::Held) => return held(cut).await,
            None => {}
        }
    } else if request.method() == Method::GET {
        door.lists.fetch_add(1, Ordering::SeqCst);
    }
    let reports = request.method() == Method::PATCH && request.uri().path().ends_with("/status");
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let reply = door.upstream.send(Request::from_parts(parts, body.into())).await;
    if reports && *door.keep.borrow() {
        door.kept.fetch_add(1, Ordering::SeqCst);
        // The door is there for as long as this.
        let _ = door.keep.subscribe().wait_for(|keep| !keep).await;
    }
    let (parts, body) = reply.unwrap().into_parts();
    let body = Body::new(body).into_data_stream().take_until(cut.clone().cancelled_owned());
    // Only an error breaks the connection; the end of a stream would end the answer in good order.
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
