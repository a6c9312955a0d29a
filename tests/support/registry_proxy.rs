//! A proxy in front of a registry. It demands Basic or Bearer authentication, and records the requests.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::net::plain_http;

/// The token that the token server issues.
const TOKEN: &str = "a-bearer-token";

/// The authentication that a proxy demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthScheme {
    /// The login itself.
    Basic,
    /// A token, which the proxy's own token server issues for the login.
    Bearer,
    /// The authentication of the registry behind it.
    Upstream,
}

/// One request that the proxy received.
#[derive(Debug, Clone)]
pub(crate) struct ProxiedRequest {
    /// The path.
    pub(crate) path: String,
    /// The client's user agent.
    pub(crate) agent: String,
    /// The `Authorization` header; empty if there was none.
    pub(crate) authorization: String,
}

/// A running proxy. It ends with the test's runtime.
pub(crate) struct RegistryProxy {
    host: String,
    requests: Arc<Mutex<Vec<ProxiedRequest>>>,
}

#[derive(Clone)]
struct Inner {
    lock: AuthScheme,
    login: String,
    host: String,
    upstream: String,
    client: reqwest::Client,
    requests: Arc<Mutex<Vec<ProxiedRequest>>>,
}

impl RegistryProxy {
    /// Starts a proxy in front of the registry at `upstream`, for `user:password`.
    pub(crate) async fn start(lock: AuthScheme, user: &str, password: &str, upstream: &str) -> Self {
        use base64::Engine as _;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let inner = Inner {
            lock,
            login: format!("Basic {pair}"),
            host: host.clone(),
            upstream: format!("http://{upstream}"),
            client: plain_http().build().unwrap(),
            requests: requests.clone(),
        };
        let router = axum::Router::new().fallback(answer).with_state(inner);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, requests }
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<ProxiedRequest> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(State(proxy): State<Inner>, request: Request) -> Response {
    let seen = seen(&request);
    proxy.requests.lock().unwrap().push(seen.clone());
    let wanted = match proxy.lock {
        AuthScheme::Bearer if seen.path == "/token" => return token(&proxy, &request, &seen),
        AuthScheme::Bearer => format!("Bearer {TOKEN}"),
        AuthScheme::Basic => proxy.login.clone(),
        AuthScheme::Upstream => return forward(&proxy, request).await,
    };
    if seen.authorization != wanted {
        return challenge(&proxy);
    }
    forward(&proxy, request).await
}

fn seen(request: &Request) -> ProxiedRequest {
    let header =
        |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
    ProxiedRequest {
        path: request.uri().path().to_owned(),
        agent: header(USER_AGENT).unwrap_or_default(),
        authorization: header(AUTHORIZATION).unwrap_or_default(),
    }
}

/// The token server accepts only GET, like Gitea's.
fn token(proxy: &Inner, request: &Request, seen: &ProxiedRequest) -> Response {
    if request.method() != axum::http::Method::GET {
        return StatusCode::NOT_FOUND.into_response();
    }
    if seen.authorization != proxy.login {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    axum::Json(serde_json::json!({"token": TOKEN, "expires_in": 300})).into_response()
}

fn challenge(proxy: &Inner) -> Response {
    let value = match proxy.lock {
        AuthScheme::Basic | AuthScheme::Upstream => "Basic realm=\"proxy\"".to_owned(),
        AuthScheme::Bearer => format!(
            "Bearer realm=\"http://{}/token\",service=\"proxy\",scope=\"repository:a:pull,push\"",
            proxy.host
        ),
    };
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, value)]).into_response()
}

async fn forward(proxy: &Inner, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let mut headers: HeaderMap = parts.headers;
    if proxy.lock != AuthScheme::Upstream {
        headers.remove(AUTHORIZATION);
    }
    // The registry uses the host of the request in its redirects.
    headers.insert(HOST, proxy.host.parse().unwrap());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request =
        proxy.client.request(parts.method, format!("{}{path}", proxy.upstream)).headers(headers).body(body);
    let reply = request.send().await.unwrap();
    let (status, headers) = (reply.status(), reply.headers().clone());
    (status, headers, Body::from(reply.bytes().await.unwrap())).into_response()
}
