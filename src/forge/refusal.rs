//! What a forge says when it does not do what was asked, made into an error.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::error::ForgeError;
use super::repository::Dialect;
use crate::text::{self, SHOWN, quoted};

/// How long a server is left alone that limits but does not say for how long (GitHub docs, "Rate limits for the REST
/// API").
const UNTOLD: Duration = Duration::from_secs(60);

/// The error of an answer that is no success. `words` are [`words`]' of its body.
pub(super) fn read(
    at: &str,
    dialect: Dialect,
    status: StatusCode,
    headers: &HeaderMap,
    words: &str,
) -> ForgeError {
    let at = at.to_owned();
    let why = format!("the server answered {status}{}", quoted(words));
    let limited = limited(status, headers, words);
    if limited || status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        let retry_after = pause(headers).or(limited.then_some(UNTOLD));
        return ForgeError::Unavailable { at, why, retry_after, cause: None };
    }
    match status {
        StatusCode::UNAUTHORIZED => {
            let mend = "check that the token is this server's, complete and not expired".to_owned();
            ForgeError::Login { at, why: format!("the token is not accepted{}", quoted(words)), mend }
        }
        StatusCode::FORBIDDEN => forbidden(at, dialect, headers, words),
        StatusCode::NOT_FOUND | StatusCode::GONE => ForgeError::Missing { at, said: quoted(words) },
        StatusCode::CONFLICT => ForgeError::Conflict { at, why },
        StatusCode::LOCKED => ForgeError::Refused { at, why: archived(words) },
        _ => ForgeError::Refused { at, why },
    }
}

/// A repository that takes no writes.
pub(super) fn archived(words: &str) -> String {
    format!("the repository is archived{}; unarchive it or name another one", quoted(words))
}

/// A 403 is about a scope that the token lacks, or about a rule: both forges then say which in free words, Gitea also a
/// hook's.
fn forbidden(at: String, dialect: Dialect, headers: &HeaderMap, words: &str) -> ForgeError {
    if words.to_ascii_lowercase().contains("archived") {
        return ForgeError::Refused { at, why: archived(words) };
    }
    let scope = match dialect {
        Dialect::Gitea => between(words, "required=[", "]"),
        // GitHub names what would have sufficed: permissions of a fine-grained token, scopes of a classic one.
        Dialect::GitHub => ["x-accepted-github-permissions", "x-accepted-oauth-scopes"]
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok())
            .filter(|value| !value.is_empty()),
    };
    if let Some(scope) = scope {
        let (why, mend) = ("the token lacks a scope", format!("give it the scope `{scope}`"));
        return ForgeError::Login { at, why: format!("{why}{}", quoted(words)), mend };
    }
    let mend = "check the rights of the token's owner, the branch protection and its hooks";
    ForgeError::Refused { at, why: format!("the server forbids it{}; {mend}", quoted(words)) }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    Some(text.split_once(from)?.1.split_once(to)?.0)
}

/// GitHub's rate limits come as 403 or 429; a secondary one may tell of itself in words alone.
fn limited(status: StatusCode, headers: &HeaderMap, words: &str) -> bool {
    let exhausted = headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    let told = exhausted || headers.contains_key("retry-after") || words.contains("rate limit");
    status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::FORBIDDEN && told)
}

/// How long the server wants to be left alone: `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3), or the Unix
/// time of the limit's renewal.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name| text(name)?.parse::<u64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if let Some(date) = text("retry-after").and_then(|text| httpdate::parse_http_date(text).ok()) {
        return Some(date.duration_since(SystemTime::now()).unwrap_or_default());
    }
    number("x-ratelimit-remaining").filter(|left| *left == 0)?;
    let renewed = UNIX_EPOCH.checked_add(Duration::from_secs(number("x-ratelimit-reset")?))?;
    Some(renewed.duration_since(SystemTime::now()).unwrap_or_default())
}

/// What a body says for people: `message` and `errors` of the JSON that both forges send, else its plain text.
/// Gitea also sends empty messages; web pages of a proxy say nothing here.
pub(super) fn words(body: &[u8], html: bool) -> String {
    if html {
        return String::new();
    }
    let Ok(Value::Object(answer)) = crate::http::json::<Value>(body) else {
        return text::brief(&String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]), SHOWN);
    };
    let message = answer.get("message").and_then(Value::as_str).unwrap_or_default();
    let details = answer.get("errors").and_then(Value::as_array).into_iter().flatten().map(detail);
    let all: Vec<_> =
        std::iter::once(message.to_owned()).chain(details).map(|part| text::brief(&part, SHOWN)).collect();
    let said: Vec<_> = all.iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
    text::brief(&said.join(": "), SHOWN)
}

/// The text of one of `errors`: it is a text itself, or GitHub's object with a message or with a field and its fault.
fn detail(error: &Value) -> String {
    let field = |name: &str| error.get(name).and_then(Value::as_str);
    match (error.as_str(), field("message")) {
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => {
            ["resource", "field", "code"].into_iter().filter_map(field).collect::<Vec<_>>().join(" ")
        }
    }
}

/// A forge's refusal: what it says when to come back in the first line, then its body.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(bytes: &[u8]) {
    let at = bytes.iter().position(|b| *b == b'\n').unwrap_or_default();
    let (when, body) = bytes.split_at(at);
    let mut headers = HeaderMap::new();
    for name in ["retry-after", "x-ratelimit-reset"] {
        headers.extend(
            http::HeaderValue::from_bytes(when).map(|value| (http::HeaderName::from_static(name), value)),
        );
    }
    let words = words(body, false);
    assert!(words.len() <= SHOWN + 4 && !words.contains(char::is_control), "{words:?}");
    for status in [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS, StatusCode::CONFLICT] {
        let _ = read("forge", Dialect::GitHub, status, &headers, &words);
    }
}

#[cfg(test)]
mod tests;
