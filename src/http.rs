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

pub(crate) use address::Reach;
pub(crate) use body::{BodyError, json, pieces, read, read_start};
pub(crate) use client::{Client, Roots, Settings, certificates};
pub(crate) use error::SendError;
pub(crate) use resolver::{LookupError, socket_addresses};

/// Scheme, host and port of a redirect's target, for messages: its path and query may hold more than is fit to log.
pub(crate) fn redirect_origin(answer: &reqwest::Response) -> String {
    let location = answer.headers().get(http::header::LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| answer.url().join(to).ok());
    to.map_or_else(|| "another address".to_owned(), |to| origin(&to))
}

/// Scheme, host and port of a URL, for messages.
pub(crate) fn origin(url: &url::Url) -> String {
    said(url.origin().ascii_serialization().as_bytes())
}

/// What a server said, made fit for a message: one line of plain text, and short.
pub(crate) fn said(raw: &[u8]) -> String {
    /// Characters of a server's own words that a message holds.
    const SHOWN: usize = 300;
    let text = String::from_utf8_lossy(&raw[..raw.len().min(SHOWN * 8)]);
    // Neither control characters nor those that reorder or hide their neighbours on a terminal.
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let plain: String = text.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
