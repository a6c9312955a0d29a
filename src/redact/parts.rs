//! What of a secret is looked for, and where it counts.

use super::rule::Rule;

/// Shorter values are not blotted out: they would tear holes into ordinary words.
pub(super) const SHORTEST: usize = 4;
/// A value of so many bytes counts wherever it stands, unless it is a plain word or number.
const SHORT: usize = 6;
/// A plain word of so many letters counts wherever it stands.
const LONG_WORD: usize = 12;
/// A number of so many digits counts wherever it stands.
const LONG_NUMBER: usize = 8;

/// Words that hide nothing, and that outputs, logs and messages are full of.
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

/// The parts of `value` that are looked for.
pub(super) fn of(value: &str) -> Vec<(String, Rule)> {
    let value = value.trim();
    let mut parts = Vec::new();
    if value.starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str(value)
    {
        leaves(&json, &mut parts);
    }
    if value.contains(['\n', '\r']) {
        parts.extend(value.split(['\n', '\r']).filter_map(line));
    } else {
        parts.extend(rule(value).map(|rule| (value.to_owned(), rule)));
    }
    parts
}

/// The runs of printable characters in what is no text.
pub(super) fn of_bytes(value: &[u8]) -> Vec<(String, Rule)> {
    let runs =
        value.split(|byte| !matches!(byte, b' '..=b'~')).filter_map(|run| std::str::from_utf8(run).ok());
    runs.filter_map(line).collect()
}

/// Each text of a JSON document, such as a service account's key.
fn leaves(json: &serde_json::Value, parts: &mut Vec<(String, Rule)>) {
    match json {
        serde_json::Value::String(text) => parts.extend(text.split(['\n', '\r']).filter_map(line)),
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, parts)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| leaves(field, parts)),
        _ => {}
    }
}

/// The part of one of several lines that could be a secret, if there is one.
fn line(line: &str) -> Option<(String, Rule)> {
    let line = line.trim();
    let anywhere =
        |text: &str| (rule(text) == Some(Rule::Anywhere)).then(|| (text.to_owned(), Rule::Anywhere));
    match pair(line) {
        Some(value) => anywhere(value).or_else(|| anywhere(line).filter(|_| is_padded(line))),
        None => anywhere(line),
    }
}

/// A line of base64 that ends with padding, and no key without a value.
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

/// The rule for `text`; none for a text that is not blotted out.
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

/// Letters of one case, perhaps with a capital at the beginning.
fn is_word(text: &str) -> bool {
    let rest = text.get(1..).unwrap_or_default();
    let lower = rest.bytes().all(|b| b.is_ascii_lowercase());
    text.bytes().all(|b| b.is_ascii_alphabetic()) && (lower || text.bytes().all(|b| b.is_ascii_uppercase()))
}
