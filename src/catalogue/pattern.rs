//! Patterns of the names of branches and tags.
//!
//! Two engines read them: Go's in a Sensor, and ours in `select` and `poll`. A pattern may use only what both read the
//! same way: the Sensor's filters end at the first value that Go does not compile, so such a value would stop the hook of
//! every service of the repository (argo-events `pkg/sensors/dependencies/filter.go`).

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use regex_lite::Regex;

use crate::go::regex as go;
use crate::selection::RefFilter;

/// The most characters of a pattern.
const LONGEST: usize = 200;

/// A pattern that a whole name of a branch or a tag matches.
#[derive(Debug, Clone)]
pub struct NamePattern {
    /// The pattern without anchors.
    text: String,
    regex: Regex,
}

impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for NamePattern {}

impl NamePattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err(format!("is longer than {LONGEST} characters; write several patterns"));
        }
        let text = unanchored(text);
        only_common(text)?;
        // Alone first: `a)|(b` is no pattern, although `(?:a)|(b)` would be one.
        let no_regex = |error: regex_lite::Error| {
            format!("is no regular expression: {error}; a pattern such as `main` or `release/.*` is meant")
        };
        Regex::new(text).map_err(no_regex)?;
        let anchored = format!("^(?:{text})$");
        let regex = Regex::new(&anchored).map_err(no_regex)?;
        go::parse(&anchored).map_err(|wrong| {
            format!("is no regular expression for Go, which reads it in the Sensor: {}: `{}`; write `.*` for any text", wrong.problem, wrong.part)
        })?;
        RefFilter::new(&[text], &[]).map_err(|error| {
            format!(
                "is no pattern for `select` and `poll`: {}; write `+` or `*` instead of a large count",
                error.why
            )
        })?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Whether it matches the whole of `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// Whether it is a name, and so matches no other one.
    pub fn is_name(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte))
    }

    /// The pattern without anchors.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `main` for `^main$`: a pattern always stands for the whole name.
fn unanchored(text: &str) -> &str {
    let inner = text.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
    inner.filter(|inner| !inner.contains('|') && !inner.ends_with('\\')).unwrap_or(text)
}

/// Refuses what Go's `regexp` and `regex-lite` do not both read, or read in different ways.
fn only_common(text: &str) -> Result<(), String> {
    let (mut chars, mut in_class) = (text.chars().peekable(), false);
    while let Some(c) = chars.next() {
        match (c, in_class) {
            ('\\', _) => match chars.next() {
                // `\<` is a letter for Go, and the beginning of a word for us.
                Some(c) if (c.is_ascii_punctuation() && !"<>".contains(c)) || "dDwWsS".contains(c) => {}
                Some(c) => {
                    return Err(format!(
                        "`\\{}` is not taken; write the characters that are meant",
                        c.escape_debug()
                    ));
                }
                None => return Err("ends with a single backslash; write `\\\\` for one".to_owned()),
            },
            ('^' | '$', false) => {
                return Err(format!(
                    "`{c}` is not taken, since a pattern always stands for the whole name; leave it out"
                ));
            }
            ('{', false) if !is_count(chars.clone()) => {
                return Err("`{` is taken in a count alone, such as `{2}`, `{2,}` and `{2,5}`; write `\\{` for the character".to_owned());
            }
            ('(', false) if chars.peek() == Some(&'?') => {
                let rest: String = chars.clone().take(2).collect();
                if rest != "?:" {
                    return Err("`(?` is taken in `(?:…)` alone; write the pattern without flags and names"
                        .to_owned());
                }
            }
            ('[', false) => {
                in_class = true;
                // A `]` that comes first is a character of the class.
                let _ = chars.next_if_eq(&'^');
                let _ = chars.next_if_eq(&']');
            }
            ('[' | '&' | '~', true) => {
                return Err(format!("`{c}` in a class is not taken; write `\\{c}`"));
            }
            (']', true) => in_class = false,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a count is next, behind its `{`. Go reads any other `{` as a letter, also of `{,2}` and `{02}`.
fn is_count(rest: Peekable<Chars<'_>>) -> bool {
    let inside: String = rest.take_while(|c| *c != '}').collect();
    let is_number = |digits: &str| {
        let is_short = digits == "0" || !digits.starts_with('0');
        is_short && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    match inside.split_once(',') {
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
        None => is_number(&inside),
    }
}
