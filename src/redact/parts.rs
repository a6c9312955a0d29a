//! Splits a secret into the parts that are redacted, each with its rule.

use super::rule::Rule;

/// Shorter values are not redacted, because they are parts of many ordinary words.
pub(super) const SHORTEST: usize = 4;
/// A value of at least this length is redacted anywhere, unless it is a plain word or number.
const SHORT: usize = 6;
/// A plain word of at least this length is redacted anywhere.
const LONG_WORD: usize = 12;
/// A number of at least this length is redacted anywhere.
const LONG_NUMBER: usize = 8;

/// Frequent words that are no secrets. They occur in many outputs, logs and messages.
const WORDS: &[&str] = &[
    "true",
    "false",
    "null",
    "none",
    "undefined",
    "main",
    "master",
    "head",
    "latest",
    "default",
    "admin",
    "administrator",
    "root",
    "user",
    "username",
    "password",
    "secret",
    "token",
    "oauth2",
    "x-access-token",
    "anonymous",
    "localhost",
    "https",
    "http",
    "docker",
    "registry",
    "kubernetes",
];

/// The parts of `value` that are redacted.
pub(super) fn of(value: &str) -> Vec<(String, Rule)> {
    let value = value.trim();
    let mut parts = Vec::new();
    if value.starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str(value)
    {
        json_strings(&json, &mut parts);
    }
    if value.contains(['\n', '\r']) {
        parts.extend(value.split(['\n', '\r']).filter_map(line));
    } else {
        parts.extend(rule(value).map(|rule| (value.to_owned(), rule)));
    }
    parts
}

/// The runs of printable characters in a value that is not text.
pub(super) fn of_bytes(value: &[u8]) -> Vec<(String, Rule)> {
    let runs =
        value.split(|byte| !matches!(byte, b' '..=b'~')).filter_map(|run| std::str::from_utf8(run).ok());
    runs.filter_map(line).collect()
}

/// Each string of a JSON document, such as a service account's key.
fn json_strings(json: &serde_json::Value, parts: &mut Vec<(String, Rule)>) {
    match json {
        serde_json::Value::String(text) => parts.extend(text.split(['\n', '\r']).filter_map(line)),
        serde_json::Value::Array(items) => items.iter().for_each(|item| json_strings(item, parts)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| json_strings(field, parts)),
        _ => {}
    }
}

/// The part of one line of several that could be a secret.
fn line(line: &str) -> Option<(String, Rule)> {
    let line = line.trim();
    let anywhere =
        |text: &str| (rule(text) == Some(Rule::Anywhere)).then(|| (text.to_owned(), Rule::Anywhere));
    match pair(line) {
        Some(value) => anywhere(value).or_else(|| anywhere(line).filter(|_| is_padded(line))),
        None => anywhere(line),
    }
}

/// Whether a line is base64 with padding, and not a key without a value.
fn is_padded(line: &str) -> bool {
    let digits = line.trim_end_matches('=');
    let has = |kind: fn(&u8) -> bool| digits.bytes().any(|b| kind(&b));
    line.len().is_multiple_of(4)
        && digits.len() < line.len()
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
}

/// The value of `key: value`, `key=value` or `"key": "value",`.
fn pair(line: &str) -> Option<&str> {
    let (key, value) =
        line.split_once(": ").or_else(|| line.split_once('=')).or_else(|| line.split_once(':'))?;
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '"' | '\'' | ' ');
    let quotes = |c: char| matches!(c, '"' | '\'' | ',' | ' ' | ';');
    (!key.is_empty() && key.len() <= 100 && key.chars().all(is_key)).then(|| value.trim_matches(quotes))
}

/// The rule for `text`; `None` if it is not redacted.
fn rule(text: &str) -> Option<Rule> {
    if text.len() < SHORTEST || says_nothing(text) {
        return None;
    }
    let number = text.bytes().all(|b| b.is_ascii_digit());
    let common = match number {
        true => text.len() < LONG_NUMBER,
        false => text.len() < SHORT || is_word(text) && text.len() < LONG_WORD,
    };
    Some(if common { Rule::Word } else { Rule::Anywhere })
}

fn says_nothing(text: &str) -> bool {
    let different = text.bytes().fold([false; 256], |mut seen, b| {
        seen[usize::from(b)] = true;
        seen
    });
    let few = different.iter().filter(|seen| **seen).count() <= 2;
    let marker = text.starts_with("-----") && text.ends_with("-----");
    let empty = !text.chars().any(char::is_alphanumeric);
    few || marker || empty || WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether `text` is letters of one case, with an optional capital at the beginning.
fn is_word(text: &str) -> bool {
    let rest = text.get(1..).unwrap_or_default();
    let lower = rest.bytes().all(|b| b.is_ascii_lowercase());
    text.bytes().all(|b| b.is_ascii_alphabetic()) && (lower || text.bytes().all(|b| b.is_ascii_uppercase()))
}
