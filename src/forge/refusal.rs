//! Turns a forge's refusal into an error.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::error::ForgeError;
use super::repository::Dialect;
use crate::text::{self, SHOWN, quoted};

/// The pause for a server that limits requests without a time (GitHub docs, "Rate limits for the REST API").
const UNTOLD: Duration = Duration::from_secs(60);

/// The error for an answer without success. `words` is the result of [`words`] for the answer's body.
pub(super) fn error_of(
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

/// The text for a repository that is archived.
pub(super) fn archived(words: &str) -> String {
    format!("the repository is archived{}; unarchive it or name another one", quoted(words))
}

/// The error for a 403: the token lacks a scope, or a rule forbids the request. Both forges say which in free text;
/// on Gitea the text may be a hook's.
fn forbidden(at: String, dialect: Dialect, headers: &HeaderMap, words: &str) -> ForgeError {
    if words.to_ascii_lowercase().contains("archived") {
        return ForgeError::Refused { at, why: archived(words) };
    }
    let scope = match dialect {
        Dialect::Gitea => between(words, "required=[", "]"),
        // GitHub names the rights that would be enough: permissions of a fine-grained token, scopes of a classic one.
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

/// Whether the answer is a rate limit. GitHub sends 403 or 429 for those. A secondary limit may be visible in the
/// text only.
fn limited(status: StatusCode, headers: &HeaderMap, words: &str) -> bool {
    let exhausted = headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    let told = exhausted || headers.contains_key("retry-after") || words.contains("rate limit");
    status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::FORBIDDEN && told)
}

/// The pause that the server asks for: `Retry-After`, or the Unix
/// time at which the limit is renewed.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let now = SystemTime::now();
    if let Some(at) = crate::http::retry_at(headers, now) {
        return Some(at.duration_since(now).unwrap_or_default());
    }
    number("x-ratelimit-remaining").filter(|left| *left == 0)?;
    let renewed = UNIX_EPOCH.checked_add(Duration::from_secs(number("x-ratelimit-reset")?))?;
    Some(renewed.duration_since(now).unwrap_or_default())
}

/// The text of a body for people: `message` and `errors` of the JSON that both forges send, else plain text. Gitea
/// may send an empty message. HTML pages of a proxy are ignored.
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

/// The text of one of `errors`: a string, or GitHub's object with a message, or with a field and its error.
fn detail(error: &Value) -> String {
    let field = |name: &str| error.get(name).and_then(Value::as_str);
    match (error.as_str(), field("message")) {
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => {
            ["resource", "field", "code"].into_iter().filter_map(field).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Parses a forge's refusal: the first line is the `Retry-After` header, the rest is the body.
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
        let _ = error_of("forge", Dialect::GitHub, status, &headers, &words);
    }
}

#[cfg(test)]
mod tests;
