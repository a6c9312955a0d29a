//! Patterns: `*` matches within one part of a path, `**` across parts.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

use super::canonical::NotCanonical;

/// The pattern that matches everything.
const ANYTHING: &str = "**";

/// A pattern for names in canonical form.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    written: String,
    /// The pattern in the canonical form of names.
    form: String,
    glob: GlobMatcher,
}

impl Pattern {
    /// Parses a pattern. `canonical` converts it to the canonical form of names.
    pub(super) fn parse(
        written: &str,
        canonical: impl FnOnce(&str) -> Result<String, NotCanonical>,
    ) -> Result<Self, String> {
        let form = match written {
            ANYTHING => ANYTHING.to_owned(),
            other => canonical(other).map_err(|odd| odd.to_string())?,
        };
        let glob = compile(&form)?;
        Ok(Self { written: written.to_owned(), form, glob })
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.glob.is_match(name)
    }

    /// The pattern as a regular expression for image names, for the daemon. None for a pattern that matches everything. A part of a name
    /// contains neither `:` nor `@`, which begin the tag and the digest.
    pub(super) fn regex(&self) -> Option<String> {
        if self.form == ANYTHING {
            return None;
        }
        let parts: Vec<_> = self.form.split('/').collect();
        let last = parts.len() - 1;
        let part = |(n, part): (usize, &&str)| match (*part, n == last) {
            (ANYTHING, true) => "[^:@]+".to_owned(),
            (ANYTHING, false) => "(?:[^:@]+/)?".to_owned(),
            (part, end) => {
                let text = part.split('*').map(regex_lite::escape).collect::<Vec<_>>().join("[^/:@]*");
                if end { text } else { format!("{text}/") }
            }
        };
        Some(parts.iter().enumerate().map(part).collect())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Only `*` has a special meaning. The other special characters of globs are literal.
fn compile(form: &str) -> Result<GlobMatcher, String> {
    if form.split('/').any(|part| part.contains(ANYTHING) && part != ANYTHING) {
        return Err("`**` stands for whole parts of a path, between slashes".into());
    }
    let escaped = form.split('*').map(globset::escape).collect::<Vec<_>>().join("*");
    let glob = GlobBuilder::new(&escaped).literal_separator(true).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|e| format!("is no pattern: {e}"))
}

/// What the name of a namespace and a pattern for it consist of, for a regular expression's `[…]`.
pub(crate) const NAMESPACE_CHARACTERS: &str = "a-z0-9*-";

/// The name of a namespace, or a pattern.
#[derive(Debug, Clone)]
pub(super) struct Namespaces(Pattern);

impl Namespaces {
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'*');
        if written.is_empty() || !written.bytes().all(allowed) || written.contains(ANYTHING) {
            return Err("is not the name of a namespace; `*` stands for any part of one".into());
        }
        Pattern::parse(written, |name| Ok(name.to_owned())).map(Self)
    }

    pub(super) fn have(&self, namespace: &str) -> bool {
        self.0.matches(namespace)
    }

    /// The sort key, most specific first: an exact name, then the longer text before the first `*`, then the longer pattern.
    pub(super) fn order(&self) -> impl Ord + use<> {
        let written = self.0.written.clone();
        let prefix = written.find('*');
        let length = std::cmp::Reverse((prefix.unwrap_or(usize::MAX), written.len()));
        (length, written)
    }
}

impl fmt::Display for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
