//! Parses a path, and says where it is wrong.

use std::str::FromStr;

use super::{Path, PathError, Segment, is_bare, is_bare_value, printable};
use crate::manifest::pattern;

/// The most steps. No file is deeper (`parser::MAX_DEPTH`), but an alias may lead back to a mapping around it, and each step searches
/// a mapping.
const MAX_STEPS: usize = 256;

/// The most texts that a path enters, each in the one before. An edit in a text is planned three times, so each text makes the work
/// three times as large.
const MAX_TEXTS: usize = 3;

const APPEND: &str = "[+]";
const PATTERN: &str = "~\"";

/// Characters that a backslash escapes outside of quotes: Helm's own way to write a dot within a key
/// (helm.sh, "Using Helm", "The Format and Limitations of --set").
const ESCAPED: &[char] = &['.', ',', '[', ']', '=', '"', '\\', '|'];

impl FromStr for Path {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        let mut reader = Reader { path, at: 0 };
        let mut segments = Vec::new();
        loop {
            let texts = segments.iter().filter(|step| **step == Segment::Text).count();
            if reader.rest().starts_with('|') && texts == MAX_TEXTS {
                return Err(reader.error("no further `|` after three"));
            }
            if segments.len() == MAX_STEPS {
                return Err(reader.error("the end after 256 steps"));
            }
            let begins = segments.last().is_none_or(|last| *last == Segment::Text);
            segments.push(reader.segment(begins)?);
            if reader.rest().is_empty() {
                return Ok(Self(segments));
            }
            match segments.last() {
                Some(Segment::Append) => return Err(reader.error("the end after `[+]`")),
                Some(Segment::Pattern(_)) => return Err(reader.error("the end after the pattern")),
                _ => {}
            }
        }
    }
}

struct Reader<'a> {
    path: &'a str,
    /// The position, in bytes.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.path[self.at..]
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn segment(&mut self, first: bool) -> Result<Segment, PathError> {
        if self.rest().starts_with(APPEND) {
            self.at += APPEND.len();
            return Ok(Segment::Append);
        }
        if self.eat('[') {
            return self.selector();
        }
        if !first && self.rest().starts_with(PATTERN) {
            self.at += PATTERN.len();
            return self.pattern();
        }
        if !first && self.eat('|') {
            if self.rest().is_empty() {
                return Err(self.error("a key or `[`"));
            }
            return Ok(Segment::Text);
        }
        if !first && !self.eat('.') {
            return Err(self.error("`.`, `[` or the end"));
        }
        self.name(is_bare, "a key").map(Segment::Key)
    }

    fn selector(&mut self) -> Result<Segment, PathError> {
        let expected = "a number or `name=value`";
        let start = self.at;
        let quoted = self.rest().starts_with('"');
        let field = self.name(is_bare, expected)?;
        let segment = if self.eat('=') {
            Segment::Item { field, value: self.name(is_bare_value, "a value")? }
        } else {
            match field.parse() {
                Ok(index) if !quoted && field.bytes().all(|b| b.is_ascii_digit()) => Segment::Index(index),
                _ => {
                    self.at = start;
                    return Err(self.error(expected));
                }
            }
        };
        if self.eat(']') { Ok(segment) } else { Err(self.error("`]`")) }
    }

    /// The regular expression up to the next quote without a backslash.
    fn pattern(&mut self) -> Result<Segment, PathError> {
        let start = self.at;
        let Some((pattern, length)) = pattern::unquoted(self.rest()) else {
            self.at = self.path.len();
            return Err(self.error("a closing `\"`"));
        };
        pattern::check(&pattern)
            .map_err(|expected| PathError { column: self.column(start), ..self.error(expected) })?;
        self.at += length;
        Ok(Segment::Pattern(pattern))
    }

    fn name(&mut self, bare: fn(char) -> bool, expected: &'static str) -> Result<String, PathError> {
        if self.eat('"') {
            return self.quoted();
        }
        let mut name = String::new();
        while let Some(c) = self.rest().chars().next() {
            if self.rest().starts_with(PATTERN) {
                break;
            }
            let escaped = self.rest().strip_prefix('\\').and_then(|rest| rest.chars().next());
            match escaped.filter(|c| ESCAPED.contains(c)) {
                Some(escaped) => {
                    self.at += 1 + escaped.len_utf8();
                    name.push(escaped);
                }
                None if c == '\\' || bare(c) => {
                    self.at += c.len_utf8();
                    name.push(c);
                }
                None => break,
            }
        }
        if name.is_empty() { Err(self.error(expected)) } else { Ok(name) }
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let mut name = String::new();
        while let Some(c) = self.rest().chars().next() {
            if c.is_control() {
                return Err(self.error("a printable character"));
            }
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(name),
                '\\' if self.eat('"') => name.push('"'),
                '\\' if self.eat('\\') => name.push('\\'),
                '\\' => return Err(self.error("`\"` or `\\` after a backslash")),
                c => name.push(c),
            }
        }
        Err(self.error("a closing `\"`"))
    }

    fn error(&self, expected: &'static str) -> PathError {
        let found = self
            .rest()
            .chars()
            .next()
            .map_or("the end".to_owned(), |c| format!("`{}`", printable(c.encode_utf8(&mut [0; 4]))));
        PathError { path: printable(self.path), column: self.column(self.at), expected, found }
    }

    fn column(&self, at: usize) -> usize {
        self.path[..at].chars().count() + 1
    }
}
