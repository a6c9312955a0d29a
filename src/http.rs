//! HTTP for servers that users name: registries, token servers, Git servers, forges.
//!
//! All of them use the same functions to make a client ([`Client::new`]), to send a request ([`Client::send`]) and to
//! read an answer ([`read`]). An attacker may own such a server. So this room guarantees four things for all: no
//! connection is made to a link-local or metadata address; redirects are followed only within their origin; answers
//! are read only up to a limit; and a server that falls silent causes an error that names it.

mod address;
mod body;
mod client;
mod error;
mod resolver;
mod retry_after;
mod settings;
mod timer;
mod upload;

pub(crate) use address::Network;
pub(crate) use body::{BodyError, json, pieces, read, read_start};
pub(crate) use client::{Client, Roots, certificates, plain_http_needs_roots};
pub(crate) use error::SendError;
pub(crate) use resolver::{LookupError, socket_addresses};
pub(crate) use retry_after::retry_at;
pub(crate) use settings::Settings;

use crate::text;

/// Scheme, host and port of a redirect's target, for messages. The path and the query may hold secrets.
pub(crate) fn redirect_origin(answer: &reqwest::Response) -> String {
    let location = answer.headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| answer.url().join(to).ok());
    to.map_or_else(|| "another address".to_owned(), |to| origin(&to))
}

/// Whether an answer redirects within its own origin. Such an answer is only seen after too many redirects, or in a
/// loop.
pub(crate) fn is_redirect_loop(answer: &reqwest::Response) -> bool {
    let location = answer.headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| answer.url().join(to).ok());
    to.is_some_and(|to| to.origin() == answer.url().origin())
}

/// Scheme, host and port of a URL, for messages.
pub(crate) fn origin(url: &url::Url) -> String {
    text::brief(&url.origin().ascii_serialization(), text::SHOWN)
}

/// Whether the request may succeed later: the server is overloaded, broken or slow.
pub(crate) fn is_transient_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}

/// Whether a connection failed because the server's certificate is not trusted (rustls' `CertificateError`).
pub(crate) fn is_certificate_error(why: &str) -> bool {
    why.contains("invalid peer certificate")
}

#[cfg(test)]
mod tests;
