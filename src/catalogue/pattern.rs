//! Patterns of the names of branches and tags.
//!
//! Two engines read them: Go's in a Sensor, and ours in `select` and `poll`. A pattern may use only what both read the
//! same way.

use std::fmt;

use regex_lite::Regex;

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
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(no_regex)?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Whether it matches the whole of `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
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
                Some(c) if c.is_ascii_punctuation() || "dDwWsS".contains(c) => {}
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
