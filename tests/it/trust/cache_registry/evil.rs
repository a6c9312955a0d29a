//! An attacker's registry.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use axum::response::{IntoResponse as _, Response};

/// A request that it received.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) authorization: String,
}

/// A running registry. It ends with the test's runtime.
pub(super) struct Evil {
    host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Inner {
    host: String,
    victim: String,
    redirects: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Evil {
    /// A registry whose challenge is that of the registry `victim`.
    pub(super) async fn challenging(victim: &str) -> Self {
        Self::start(victim, false).await
    }

    /// A registry that redirects every request for a manifest to the victim's cache.
    pub(super) async fn redirecting(victim: &str) -> Self {
        Self::start(victim, true).await
    }

    async fn start(victim: &str, redirects: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (host, seen) = (listener.local_addr().unwrap().to_string(), Arc::default());
        let inner =
            Inner { host: host.clone(), victim: victim.to_owned(), redirects, seen: Arc::clone(&seen) };
        let router = axum::Router::new().fallback(answer).with_state(inner);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, seen }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(evil): State<Inner>, request: Request) -> Response {
    let header = request.headers().get(AUTHORIZATION);
    let authorization = header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let path = request.uri().path().to_owned();
    evil.seen.lock().unwrap().push(Seen { path: path.clone(), authorization });
    if path == "/token" {
        return StatusCode::FORBIDDEN.into_response();
    }
    if evil.redirects {
        let to = format!("http://{}/v2/cache/victim/manifests/latest", evil.victim);
        return (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]).into_response();
    }
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"{}\",scope=\"repository:cache/attacker:pull,push repository:cache/victim:pull,push\"",
        evil.host, evil.victim
    );
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
}
