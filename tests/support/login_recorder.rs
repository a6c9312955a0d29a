//! A server that demands a login, and records the logins that it receives.

use std::sync::{Arc, Mutex};

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};

use super::net::listen;

/// A running server of an attacker.
pub(crate) struct LoginRecorder {
    pub(crate) host: String,
    given: Arc<Mutex<Vec<String>>>,
}

impl LoginRecorder {
    /// Listens at `address`.
    pub(crate) async fn start(address: &str) -> Self {
        let listener = listen(address).await;
        let host = listener.local_addr().unwrap().to_string();
        let given = Arc::new(Mutex::new(Vec::new()));
        let kept = given.clone();
        let answer = move |headers: HeaderMap| {
            let login = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
            kept.lock().unwrap().extend(login);
            async { (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic realm=\"a\"")], "") }
        };
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, given }
    }

    /// The URL of `path` on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.host)
    }

    /// The values of `Authorization` that were received.
    pub(crate) fn given(&self) -> Vec<String> {
        self.given.lock().unwrap().clone()
    }
}
