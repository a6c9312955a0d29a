//! A file's text with its parsed events.

use serde::de::IgnoredAny;

use super::address::Addresses;
use super::notes::Notes;
use super::parser::Style;
use super::stream::Stream;

/// A text and its events.
pub(super) struct File<'a> {
    pub(super) text: &'a str,
    pub(super) stream: Stream,
    /// Whether the text is JSON, so that every string must be in double quotes.
    pub(super) json: bool,
    /// The addresses of the scalars that edits found in it.
    pub(super) addresses: Addresses,
    /// The warnings about edits of it.
    pub(super) notes: Notes,
}

impl<'a> File<'a> {
    pub(super) fn new(text: &'a str, stream: Stream, json: bool) -> Self {
        Self { text, stream, json, addresses: Addresses::default(), notes: Notes::default() }
    }

    /// The style for a new value whose neighbours have `style`.
    pub(super) fn style(&self, style: Style) -> Style {
        if self.json { Style::Double } else { style }
    }

    /// The end of the line that holds the byte `at`, before its line break.
    pub(super) fn line_end(&self, at: usize) -> usize {
        self.text[at..].find(['\r', '\n']).map_or(self.text.len(), |length| at + length)
    }

    /// The text before the byte `at` on its line.
    pub(super) fn before(&self, at: usize) -> &'a str {
        let start = self.text[..at].rfind(['\r', '\n']).map_or(0, |at| at + 1);
        &self.text[start..at]
    }

    /// The file's line break, as used by its first line.
    pub(super) fn newline(&self) -> &'static str {
        match self.text.find(['\r', '\n']).map(|at| &self.text[at..]) {
            Some(rest) if rest.starts_with("\r\n") => "\r\n",
            Some(rest) if rest.starts_with('\r') => "\r",
            _ => "\n",
        }
    }
}

/// Whether `text` is a JSON object or array, and nothing else.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}
