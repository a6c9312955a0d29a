//! A server whose answers are defined by the test. It records the requests.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The `Authorization` header; empty if there was none.
    pub(crate) authorization: String,
}

/// A running server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Scripted {
    host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Starts a server that answers each request with `answer`, which also gets the server's `host:port`.
    pub(crate) async fn start(answer: impl Fn(&str, &Asked) -> Response + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = Self { host: host.clone(), asked: Arc::default() };
        let (asked, answer) = (server.asked.clone(), Arc::new(answer));
        let handler = move |request: Request| {
            let (asked, answer, host) = (asked.clone(), answer.clone(), host.clone());
            async move {
                let header = request.headers().get(AUTHORIZATION).map(HeaderValue::to_str);
                let authorization = header.map_or_else(String::new, |value| value.unwrap().to_owned());
                let (method, path) = (request.method().to_string(), request.uri().to_string());
                let one = Asked { method, path, authorization };
                asked.lock().unwrap().push(one.clone());
                // The request is read completely, like a server does that reuses its connections.
                let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
                answer(&host, &one)
            }
        };
        let router = axum::Router::new().fallback(handler);
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// `http://host:port` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer of `status` that redirects to `place`.
pub(crate) fn redirect(status: u16, place: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), [(LOCATION, place)]).into_response()
}

/// A registry's 401, with the token server `realm`.
pub(crate) fn challenge(realm: &str) -> Response {
    let value = format!("Bearer realm=\"{realm}\",service=\"s\",scope=\"repository:a:pull\"");
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, value)]).into_response()
}

/// A success with `body`.
pub(crate) fn ok(kind: &str, body: impl Into<Body>) -> Response {
    ([("content-type", kind)], body.into()).into_response()
}
