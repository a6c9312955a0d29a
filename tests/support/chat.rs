//! A server that takes messages. It checks signatures as the services' documents say, and records what it gets.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA256, Key, sign};
use serde_json::Value;

/// The secret of the robot at `/robot/signed`, and of the webhook at `/webhook/signed-1`.
pub(crate) const SECRET: &str = "SEC0123456789abcdef";

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: HashMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A running server. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct ChatServer {
    host: String,
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<Response>>>,
}

impl ChatServer {
    /// Starts the server.
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0").await
    }

    /// Starts it at an address.
    pub(crate) async fn at(address: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = Self { host, received: Arc::default(), answers: Arc::default() };
        let here = server.clone();
        let handler = move |request: Request| {
            let server = here.clone();
            async move { server.answer(request).await }
        };
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await });
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

    /// All messages so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Answers the next requests with these, before those of the services.
    pub(crate) fn answer_next(&self, answers: impl IntoIterator<Item = Response>) {
        self.answers.lock().unwrap().extend(answers);
    }

    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let url: url::Url = format!("http://{}{}", self.host, head.uri).parse().unwrap();
        let received = Received {
            method: head.method.to_string(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: head.headers,
            body: serde_json::from_slice(&bytes).unwrap(),
        };
        let answer =
            self.answers.lock().unwrap().pop_front().unwrap_or_else(|| of_service(&received, &bytes));
        self.received.lock().unwrap().push(received);
        answer
    }
}

/// What the service answers whose path is asked.
fn of_service(received: &Received, bytes: &[u8]) -> Response {
    match received.path.as_str() {
        "/robot/signed" if !is_dingtalk_signed(&received.query) => {
            coded(310_000, "sign not match, more: [https://ding-doc.dingtalk.com]")
        }
        path if path.starts_with("/robot/") => coded(0, "ok"),
        "/webhook/signed-1" if !is_signed(received, bytes) => StatusCode::UNAUTHORIZED.into_response(),
        path if path.starts_with("/_matrix/") => r#"{"event_id":"$1"}"#.into_response(),
        path if path.starts_with("/services/") => "ok".into_response(),
        _ => r#"{"message":"Workflow was started"}"#.into_response(),
    }
}

/// The answer of DingTalk and WeCom, with status 200.
pub(crate) fn coded(code: i64, message: &str) -> Response {
    serde_json::json!({"errcode": code, "errmsg": message}).to_string().into_response()
}

/// DingTalk, "Custom robot: security settings": the sign is HMAC-SHA256 of `timestamp + "\n" + secret`, in base64.
fn is_dingtalk_signed(query: &HashMap<String, String>) -> bool {
    let timestamp = query.get("timestamp").cloned().unwrap_or_default();
    let tag = hmac(format!("{timestamp}\n{SECRET}").as_bytes());
    query.get("sign") == Some(&STANDARD.encode(tag))
}

/// GitHub, "Validating webhook deliveries": HMAC-SHA256 of the body, in hex.
fn is_signed(received: &Received, bytes: &[u8]) -> bool {
    let expected = format!("sha256={}", hex::encode(hmac(bytes)));
    received.headers.get("x-hub-signature-256").is_some_and(|header| header.as_bytes() == expected.as_bytes())
}

fn hmac(text: &[u8]) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, SECRET.as_bytes()), text).as_ref().to_vec()
}
