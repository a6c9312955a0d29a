//! Secret values blotted out of text before it leaves the process.
//!
//! A secret's type cannot be printed, but a `RUN` may echo one into the build log, and a server may
//! quote one in an error. Every message, output and progress line passes here on its way out.

use std::sync::{Arc, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// What stands in a secret's place.
const BLOT: &str = "***";

/// Shorter values are not blotted out: they would tear holes into ordinary words.
const SHORTEST: usize = 4;

/// The secret values that one job has read. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<SecretString>>>);

impl Redactor {
    /// Remembers a secret: as a whole, and each of its lines where it has several.
    pub fn remember(&self, secret: &SecretString) {
        let exposed = secret.expose_secret().trim();
        let mut known = self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        for part in std::iter::once(exposed).chain(exposed.lines().map(str::trim)) {
            if part.len() >= SHORTEST && !known.iter().any(|k| k.expose_secret() == part) {
                known.push(SecretString::from(part));
            }
        }
        // The longest first, so that no secret is left half blotted by a shorter one inside it.
        known.sort_by_key(|k| std::cmp::Reverse(k.expose_secret().len()));
    }

    /// Remembers a password, alone and as HTTP Basic and docker configs carry it.
    pub fn remember_login(&self, user: &str, password: &SecretString) {
        self.remember(password);
        let pair = SecretString::from(format!("{user}:{}", password.expose_secret().trim()));
        self.remember(&STANDARD.encode(pair.expose_secret()).into());
    }

    /// `text` without any remembered secret.
    pub fn clean(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        known.iter().fold(text.to_owned(), |text, secret| match text.contains(secret.expose_secret()) {
            true => text.replace(secret.expose_secret(), BLOT),
            false => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(secrets: &[&str], text: &str) -> String {
        let redactor = Redactor::default();
        secrets.iter().for_each(|s| redactor.remember(&SecretString::from(*s)));
        redactor.clean(text)
    }

    #[test]
    fn a_login_is_blotted_out_in_every_form_it_travels_in() {
        let redactor = Redactor::default();
        redactor.remember_login("shop", &"hunter22\n".into());
        assert_eq!(redactor.clean("Basic c2hvcDpodW50ZXIyMg== is hunter22"), "Basic *** is ***");
    }

    #[test]
    fn blots_out_whole_secrets_lines_and_the_longest_first() {
        for (secrets, text, want) in [
            (&["hunter2"][..], "login hunter2 ok", "login *** ok"),
            (&["hunter2\n"], "hunter2", "***"),
            (&["first-line\nsecond-line"], "got second-line", "got ***"),
            (&["token", "token-longer"], "token-longer", "***"),
            (&["abc"], "abc stays: too short", "abc stays: too short"),
            (&[""], "nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(cleaned(secrets, text), want);
        }
    }
}
