//! Reads a forge's answer.

use ::http::StatusCode;
use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LINK};
use serde::de::DeserializeOwned;

use crate::forge::error::ForgeError;
use crate::forge::refusal;
use crate::forge::repository::Dialect;
use crate::http;

/// An answer of any status for which the request need not be repeated.
pub(in crate::forge) struct ApiAnswer {
    pub(in crate::forge) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) at: String,
    pub(super) dialect: Dialect,
}

impl ApiAnswer {
    /// The answer if it is a success, else its error.
    pub(in crate::forge) fn ok(self) -> Result<Self, ForgeError> {
        self.error().map_or(Ok(self), Err)
    }

    /// The error for this answer; `None` if it is a success.
    pub(in crate::forge) fn error(&self) -> Option<ForgeError> {
        let read = || refusal::error_of(&self.at, self.dialect, self.status, &self.headers, &self.words());
        (!self.status.is_success()).then(read)
    }

    /// Parses the JSON body of a success.
    pub(in crate::forge) fn json<T: DeserializeOwned>(&self) -> Result<T, ForgeError> {
        let unexpected =
            |why| ForgeError::Unexpected { at: self.at.clone(), forge: self.dialect.name(), why };
        http::json(&self.body).map_err(unexpected)
    }

    /// The text of the body, for people.
    pub(in crate::forge) fn words(&self) -> String {
        let html = self.headers.get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
        refusal::words(&self.body, html)
    }

    /// Whether the list has another page (both forges: `Link: <…>; rel="next"`).
    pub(in crate::forge) fn has_next(&self) -> bool {
        let next = |link: &HeaderValue| link.to_str().is_ok_and(|link| link.contains("rel=\"next\""));
        self.headers.get_all(LINK).iter().any(next)
    }
}
