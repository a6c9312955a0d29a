//! A forge's answer, and how it is read.

use ::http::StatusCode;
use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LINK};
use serde::de::DeserializeOwned;

use crate::forge::error::ForgeError;
use crate::forge::refusal;
use crate::forge::repository::Dialect;
use crate::http;

/// An answer of any status that repeating the request would not change.
pub(in crate::forge) struct Answer {
    pub(in crate::forge) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) at: String,
    pub(super) dialect: Dialect,
}

impl Answer {
    /// The answer of a success, or the error.
    pub(in crate::forge) fn ok(self) -> Result<Self, ForgeError> {
        self.error().map_or(Ok(self), Err)
    }

    /// The error that this answer is, unless it is a success.
    pub(in crate::forge) fn error(&self) -> Option<ForgeError> {
        let read = || refusal::read(&self.at, self.dialect, self.status, &self.headers, &self.words());
        (!self.status.is_success()).then(read)
    }

    /// The JSON body of a success.
    pub(in crate::forge) fn json<T: DeserializeOwned>(&self) -> Result<T, ForgeError> {
        let unexpected =
            |why| ForgeError::Unexpected { at: self.at.clone(), forge: self.dialect.name(), why };
        http::json(&self.body).map_err(unexpected)
    }

    /// What the body says for people.
    pub(in crate::forge) fn words(&self) -> String {
        let html = self.headers.get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
        refusal::words(&self.body, html)
    }

    /// Whether a list goes on (both forges: `Link: <…>; rel="next"`).
    pub(in crate::forge) fn has_next(&self) -> bool {
        let next = |link: &HeaderValue| link.to_str().is_ok_and(|link| link.contains("rel=\"next\""));
        self.headers.get_all(LINK).iter().any(next)
    }
}
