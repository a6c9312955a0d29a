//! Redacts secret values in text before the text leaves the process.
//!
//! The type of a secret cannot be printed. But a `RUN` may print one into the build log, and a server may quote one
//! in an error. So every message, text output and progress line passes this room.
//!
//! The rules (`parts` decides):
//!
//! | a value, or a line of a value | redacted |
//! |---|---|
//! | 6 bytes or more with a digit, mixed case or punctuation; a word of 12 letters or more | anywhere |
//! | 4 or 5 bytes; a plain word (`shop`), a short number | as a whole word: no letter, digit, `_`, `-` or `/` beside it |
//! | the same as a line, or the value of a key, in a value of several lines | never |
//! | under 4 bytes; `true`, `null`, `main` and other frequent words; `-----BEGIN …`; `{`; two different characters | never |
//!
//! A value that is redacted anywhere is also redacted in base64 (both alphabets, at any offset, with line breaks), in
//! hex, with the `%` escapes of URLs and with the `\` escapes of string literals.

mod encoded;
mod finder;
mod overflow;
mod parts;
mod rule;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use finder::Finder;
use overflow::Overflow;
use rule::Rule;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};

/// The replacement of a secret.
const REPLACEMENT: &str = "***";

/// The most bytes of values, and of their encoded forms, in the exact search; each byte costs some 30 bytes of
/// memory. Values beyond this are found by their [first bytes](overflow), and not in their encoded forms.
const CAPACITY: Sizes = Sizes { plain: 128 << 10, encoded: 256 << 10 };

/// The secret values that one job has read. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Redactor(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    needles: Vec<(SecretString, Rule)>,
    /// Hashes of the entries of `needles` and `overflow`, to avoid duplicates.
    seen: HashSet<[u8; 32]>,
    /// Values beyond the capacity.
    overflow: Overflow,
    used: Sizes,
    /// Built from the fields above at the first search.
    finder: OnceLock<Finder>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Sizes {
    plain: usize,
    encoded: usize,
}

impl Redactor {
    /// Adds a secret. If it has several lines, adds each line that could be a secret.
    pub fn remember(&self, secret: &SecretString) {
        let parts = parts::of(secret.expose_secret());
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (part, rule) in &parts {
            known.add(part, *rule);
        }
        for (part, _) in parts.iter().filter(|(_, rule)| *rule == Rule::Anywhere) {
            known.add_encoded(part.as_bytes());
        }
        known.finder = OnceLock::new();
    }

    /// Adds a secret that may not be text: its encoded forms, and the parts that a log would show as text.
    pub fn remember_bytes(&self, secret: &SecretSlice<u8>) {
        let bytes = secret.expose_secret();
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.remember(&text.into());
        }
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (part, rule) in parts::of_bytes(bytes) {
            known.add(&part, rule);
        }
        known.add_encoded(bytes);
        known.finder = OnceLock::new();
    }

    /// Adds a password, alone and in the forms of HTTP Basic and docker configs.
    pub fn remember_login(&self, user: &str, password: &SecretString) {
        self.remember(password);
        let pair = SecretString::from(format!("{user}:{}", password.expose_secret().trim()));
        let header = STANDARD.encode(pair.expose_secret());
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        known.add(header.trim_end_matches('='), Rule::Encoded);
        known.add_encoded(pair.expose_secret().as_bytes());
        known.finder = OnceLock::new();
    }

    /// `text` without any of the secrets.
    pub fn clean(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if known.is_empty() {
            return text.to_owned();
        }
        known.finder.get_or_init(|| Finder::new(&known.needles, &known.overflow)).redacted(text, REPLACEMENT)
    }
}

impl Redactor {
    /// `text` without any of the secrets and without control characters, with its line breaks.
    pub fn lines(&self, text: &str) -> String {
        // Twice: a secret may contain control characters, and control characters may be inserted into a secret.
        self.clean(&crate::text::lines(&self.clean(text)))
    }

    /// [`Self::lines`] on one line.
    pub fn line(&self, text: &str) -> String {
        crate::text::line(&self.lines(text))
    }
}

impl Known {
    fn is_empty(&self) -> bool {
        self.needles.is_empty() && self.overflow.is_empty()
    }

    fn add(&mut self, part: &str, rule: Rule) {
        if !self.seen.insert(Sha256::digest(part).into()) {
            return;
        }
        if self.used.plain + part.len() <= CAPACITY.plain {
            self.used.plain += part.len();
            self.needles.push((part.into(), rule));
        } else {
            self.overflow.add(part.as_bytes(), rule);
        }
    }

    fn add_encoded(&mut self, part: &[u8]) {
        if self.used.encoded + encoded::LONGEST > CAPACITY.encoded {
            return;
        }
        // Forms beyond the capacity would be dropped.
        let part = part.get(..CAPACITY.encoded).unwrap_or(part);
        for form in encoded::forms(part) {
            let fits = self.used.encoded + form.len() <= CAPACITY.encoded;
            if fits && self.seen.insert(Sha256::digest(&form).into()) {
                self.used.encoded += form.len();
                self.needles.push((form.into(), Rule::Encoded));
            }
        }
    }
}

#[cfg(test)]
mod tests;
