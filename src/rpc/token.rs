//! The bearer token that the init container of Argo's agent writes for each plugin.

use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header::AUTHORIZATION};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// The token that every request must have.
pub struct BearerToken(SecretString);

/// Why the token could not be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "reading the agent's token from `{path}` failed: {reason}; Argo mounts it there mode 0440, owned by uid 8737: \
     run as that uid, or pass --insecure-no-token to serve without one (local use only)"
)]
pub struct TokenError {
    path: String,
    reason: String,
}

impl BearerToken {
    /// Reads the token, without a trailing newline.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let error = |reason: String| TokenError { path: path.display().to_string(), reason };
        let token = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        match token.trim() {
            "" => Err(error("the file is empty".to_owned())),
            token => Ok(Self(SecretString::from(token))),
        }
    }

    fn accepts(&self, presented: &[u8]) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(presented).into()
    }
}

/// Passes requests with the token on, and answers others with an error that says what to check.
pub(super) async fn check(State(token): State<Arc<BearerToken>>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(AUTHORIZATION).map(|v| v.as_bytes().strip_prefix(b"Bearer "));
    let (status, problem) = match presented {
        Some(Some(presented)) if token.accepts(presented) => return next.run(request).await,
        Some(Some(_)) => {
            (StatusCode::FORBIDDEN, "the bearer token is not the one argo-buildkit read at its start")
        }
        _ => (StatusCode::UNAUTHORIZED, "the request has no `Authorization: Bearer` token"),
    };
    let mend =
        "check that the agent and argo-buildkit see the same file (/var/run/argo/token in the sidecar)";
    (status, format!("{problem}; {mend}")).into_response()
}
