//! Secret values blotted out of text before it leaves the process.
//!
//! A secret's type cannot be printed, but a `RUN` may echo one into the build log, and a server may
//! quote one in an error. Every message, output of text and progress line passes here on its way out.
//!
//! What is looked for, and where (`parts` decides):
//!
//! | a value, or a line of one | blotted out |
//! |---|---|
//! | 6 bytes or more with a digit, mixed case or punctuation; a word of 12 letters or more | wherever it stands |
//! | 4 or 5 bytes; a plain word (`shop`), a short number | as a whole word: no letter, digit, `_`, `-` or `/` beside it |
//! | the same as a line, or a key's value, of several lines | not at all |
//! | under 4 bytes; `true`, `null`, `main` and other words that say nothing; `-----BEGIN …`; `{`; two different characters | not at all |
//!
//! What is blotted out wherever it stands is so in base64 too (both alphabets, at any offset, broken into lines), in hex, with a
//! URL's `%` escapes and with a string literal's `\` escapes.

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

/// What stands in a secret's place.
const BLOT: &str = "***";

/// Bytes of values, and of their encoded forms, that are looked for exactly: each costs some 30 bytes of memory. Values beyond are
/// found by their [beginnings](overflow), and not in their encoded forms.
const ROOM: Room = Room { plain: 128 << 10, encoded: 256 << 10 };

/// The secret values that one job has read. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Redactor(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    needles: Vec<(SecretString, Rule)>,
    /// Hashes of what is in `needles` or `overflow`, so that nothing is there twice.
    seen: HashSet<[u8; 32]>,
    /// Values for which there was no room.
    overflow: Overflow,
    used: Room,
    /// Made of the above when it is first asked.
    finder: OnceLock<Finder>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Room {
    plain: usize,
    encoded: usize,
}

impl Redactor {
    /// Remembers a secret, or of one with several lines each line that could be one.
    pub fn remember(&self, secret: &SecretString) {
        let parts = parts::of(secret.expose_secret());
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (part, rule) in &parts {
            known.take(part, *rule);
        }
        for (part, _) in parts.iter().filter(|(_, rule)| *rule == Rule::Anywhere) {
            known.take_encoded(part.as_bytes());
        }
        known.finder = OnceLock::new();
    }

    /// Remembers a secret that may be no text: in its encoded forms, and what of it a log would show as text.
    pub fn remember_bytes(&self, secret: &SecretSlice<u8>) {
        let bytes = secret.expose_secret();
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.remember(&text.into());
        }
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (part, rule) in parts::of_bytes(bytes) {
            known.take(&part, rule);
        }
        known.take_encoded(bytes);
        known.finder = OnceLock::new();
    }

    /// Remembers a password, alone and as HTTP Basic and docker configs carry it.
    pub fn remember_login(&self, user: &str, password: &SecretString) {
        self.remember(password);
        let pair = SecretString::from(format!("{user}:{}", password.expose_secret().trim()));
        let header = STANDARD.encode(pair.expose_secret());
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        known.take(header.trim_end_matches('='), Rule::Encoded);
        known.take_encoded(pair.expose_secret().as_bytes());
        known.finder = OnceLock::new();
    }

    /// `text` without any remembered secret.
    pub fn clean(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if known.is_empty() {
            return text.to_owned();
        }
        known.finder.get_or_init(|| Finder::new(&known.needles, &known.overflow)).blotted(text, BLOT)
    }
}

impl Redactor {
    /// `text` without any remembered secret, plain, with its line breaks.
    pub fn lines(&self, text: &str) -> String {
        // Before and after: a secret may hold control characters, or have some strewn into it.
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

    fn take(&mut self, part: &str, rule: Rule) {
        if !self.seen.insert(Sha256::digest(part).into()) {
            return;
        }
        if self.used.plain + part.len() <= ROOM.plain {
            self.used.plain += part.len();
            self.needles.push((part.into(), rule));
        } else {
            self.overflow.take(part.as_bytes(), rule);
        }
    }

    fn take_encoded(&mut self, part: &[u8]) {
        if self.used.encoded + encoded::LONGEST > ROOM.encoded {
            return;
        }
        // Longer ones would be made for nothing.
        let part = part.get(..ROOM.encoded).unwrap_or(part);
        for form in encoded::forms(part) {
            let fits = self.used.encoded + form.len() <= ROOM.encoded;
            if fits && self.seen.insert(Sha256::digest(&form).into()) {
                self.used.encoded += form.len();
                self.needles.push((form.into(), Rule::Encoded));
            }
        }
    }
}

#[cfg(test)]
mod tests;
