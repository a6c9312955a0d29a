//! A door before a registry, which demands Basic or Bearer authentication and remembers who knocked.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// What the token server hands out.
const TOKEN: &str = "a-bearer-token";

/// How a door wants to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// The login itself.
    Basic,
    /// A token that the door's own token server trades for the login.
    Bearer,
    /// What the registry behind it wants.
    Registrys,
}

/// One request that the door saw.
#[derive(Debug, Clone)]
pub(crate) struct Knock {
    /// The path.
    pub(crate) path: String,
    /// The client's name for itself.
    pub(crate) agent: String,
    /// The `Authorization` header, empty when there was none.
    pub(crate) authorization: String,
}

/// A running door; it ends with the test's runtime.
pub(crate) struct Door {
    host: String,
    knocks: Arc<Mutex<Vec<Knock>>>,
}

#[derive(Clone)]
struct Inner {
    lock: Lock,
    login: String,
    host: String,
    upstream: String,
    client: reqwest::Client,
    knocks: Arc<Mutex<Vec<Knock>>>,
}

impl Door {
    /// A door before the registry at `upstream` for `user:password`.
    pub(crate) async fn start(lock: Lock, user: &str, password: &str, upstream: &str) -> Self {
        use base64::Engine as _;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let knocks = Arc::new(Mutex::new(Vec::new()));
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let inner = Inner {
            lock,
            login: format!("Basic {pair}"),
            host: host.clone(),
            upstream: format!("http://{upstream}"),
            client: reqwest::Client::new(),
            knocks: knocks.clone(),
        };
        let router = axum::Router::new().fallback(answer).with_state(inner);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, knocks }
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// All requests so far.
    pub(crate) fn knocks(&self) -> Vec<Knock> {
        self.knocks.lock().unwrap().clone()
    }
}

async fn answer(State(door): State<Inner>, request: Request) -> Response {
    let knock = knock(&request);
    door.knocks.lock().unwrap().push(knock.clone());
    let wanted = match door.lock {
        Lock::Bearer if knock.path == "/token" => return token(&door, &request, &knock),
        Lock::Bearer => format!("Bearer {TOKEN}"),
        Lock::Basic => door.login.clone(),
        Lock::Registrys => return forward(&door, request).await,
    };
    if knock.authorization != wanted {
        return challenge(&door);
    }
    forward(&door, request).await
}

fn knock(request: &Request) -> Knock {
    let header =
        |name| request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
    Knock {
        path: request.uri().path().to_owned(),
        agent: header(USER_AGENT).unwrap_or_default(),
        authorization: header(AUTHORIZATION).unwrap_or_default(),
    }
}

/// GET alone, as Gitea's.
fn token(door: &Inner, request: &Request, knock: &Knock) -> Response {
    if request.method() != axum::http::Method::GET {
        return StatusCode::NOT_FOUND.into_response();
    }
    if knock.authorization != door.login {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    axum::Json(serde_json::json!({"token": TOKEN, "expires_in": 300})).into_response()
}

fn challenge(door: &Inner) -> Response {
    let value = match door.lock {
        Lock::Basic | Lock::Registrys => "Basic realm=\"door\"".to_owned(),
        Lock::Bearer => format!(
            "Bearer realm=\"http://{}/token\",service=\"door\",scope=\"repository:a:pull,push\"",
            door.host
        ),
    };
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, value)]).into_response()
}

async fn forward(door: &Inner, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
    let mut headers: HeaderMap = parts.headers;
    if door.lock != Lock::Registrys {
        headers.remove(AUTHORIZATION);
    }
    // The registry writes its redirects with the name that it was called by.
    headers.insert(HOST, door.host.parse().unwrap());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request =
        door.client.request(parts.method, format!("{}{path}", door.upstream)).headers(headers).body(body);
    let reply = request.send().await.unwrap();
    let (status, headers) = (reply.status(), reply.headers().clone());
    (status, headers, Body::from(reply.bytes().await.unwrap())).into_response()
}
