//! The HTTP that is spoken to servers which users name: registries, token servers, Git servers, forges.
//!
//! All of them share one way to make a client ([`Client::new`]), to send a request ([`Client::send`]) and to read an
//! answer ([`read`]). Such a server may be an attacker's, so three things are held here for all: link-local and metadata
//! addresses are not connected to; a redirect is followed within its origin alone; no more than a limit is read. And one that
//! falls silent is given up, by name.

mod address;
mod body;
mod client;
mod clock;
mod error;
mod resolver;
mod settings;

pub(crate) use address::Network;
pub(crate) use body::{BodyError, json, pieces, read, read_start};
pub(crate) use client::{Client, Roots, certificates};
pub(crate) use error::SendError;
pub(crate) use resolver::{LookupError, socket_addresses};
pub(crate) use settings::Settings;

use crate::text;

/// Scheme, host and port of a redirect's target, for messages: its path and query may hold more than is fit to log.
pub(crate) fn redirect_origin(answer: &reqwest::Response) -> String {
    let location = answer.headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| answer.url().join(to).ok());
    to.map_or_else(|| "another address".to_owned(), |to| origin(&to))
}

/// Whether an answer redirects within its own origin: further than is followed, or in a circle.
pub(crate) fn is_circle(answer: &reqwest::Response) -> bool {
    let location = answer.headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| answer.url().join(to).ok());
    to.is_some_and(|to| to.origin() == answer.url().origin())
}

/// Scheme, host and port of a URL, for messages.
pub(crate) fn origin(url: &url::Url) -> String {
    text::brief(&url.origin().ascii_serialization(), text::SHOWN)
}

/// Whether an answer with this status is worth asking again: the server is overloaded, broken or slow.
pub(crate) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}

/// Whether a connection failed because the server's certificate is not trusted (rustls' `CertificateError`).
pub(crate) fn is_distrust(why: &str) -> bool {
    why.contains("invalid peer certificate")
}

#[cfg(test)]
mod tests;
