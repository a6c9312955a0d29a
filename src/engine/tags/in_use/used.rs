//! The words of files that may name an image.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::manifest::image_words;
use crate::text;

/// The longest name of a place, for each file of very many.
const PLACE: usize = 300;
/// The most digests that all files name together. An image that is in use has a few.
const DIGESTS: usize = 20_000;

/// The tags and digests that files name, each with the place. All are in lower case, as Gitea keeps tags.
#[derive(Debug, Default)]
pub(in crate::engine::tags) struct UsedImages {
    words: BTreeMap<String, Arc<str>>,
    digests: usize,
}

impl UsedImages {
    /// The place that names `tag` or `digest`; `None` if there is none. A chart may add the `v` of a version itself.
    pub(in crate::engine::tags) fn place(&self, tag: &str, digest: &str) -> Option<&str> {
        let tag = tag.to_ascii_lowercase();
        let spellings =
            [&tag, digest, tag.strip_prefix('v').unwrap_or(&tag), digest.trim_start_matches("sha256:")];
        let found = spellings.into_iter().find_map(|spelling| self.words.get(spelling));
        found.or_else(|| self.words.get(&format!("v{tag}"))).map(AsRef::as_ref)
    }

    /// The digests that are named.
    pub(in crate::engine::tags) fn digests(&self) -> impl Iterator<Item = String> + '_ {
        self.words.keys().filter_map(|word| as_digest(word))
    }

    /// Adds what `file` at `place` names.
    pub(super) fn read(&mut self, wanted: &Wanted, file: &[u8], place: &str) -> Result<(), String> {
        let (mut words, digests) = (BTreeSet::new(), Cell::new(self.digests));
        let is_wanted = |word: &str| {
            let word = word.to_ascii_lowercase();
            let is_digest = as_digest(&word).is_some();
            digests.set(digests.get() + usize::from(is_digest && !self.words.contains_key(&word)));
            wanted.is_tag(&word) || is_digest && digests.get() <= DIGESTS
        };
        image_words(file, &mut words, is_wanted).map_err(|bad| bad.to_string())?;
        self.digests = digests.get();
        if self.digests > DIGESTS {
            return Err(format!(
                "with this file, more than {DIGESTS} digests are named; name in `files` those that deploy images, and no lists of digests"
            ));
        }
        self.add(words, place);
        Ok(())
    }

    fn add(&mut self, words: BTreeSet<String>, place: &str) {
        let place: Arc<str> = text::brief(place, PLACE).into();
        self.words.extend(words.into_iter().map(|word| (word.to_ascii_lowercase(), Arc::clone(&place))));
    }

    #[cfg(test)]
    pub(in crate::engine::tags) fn of(words: &[&str]) -> Self {
        let mut used = Self::default();
        used.add(words.iter().map(|word| (*word).to_owned()).collect(), "values.yaml");
        used
    }
}

fn as_digest(word: &str) -> Option<String> {
    let hex = word.strip_prefix("sha256:").unwrap_or(word);
    let is_hex = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| format!("sha256:{hex}"))
}

/// Which words may name an image of the repository.
pub(super) struct Wanted {
    /// Its tags in lower case, also without their `v`.
    tags: BTreeSet<String>,
}

impl Wanted {
    pub(super) fn of(tags: &[String]) -> Self {
        let spellings = |tag: &String| {
            let tag = tag.to_ascii_lowercase();
            [tag.strip_prefix('v').unwrap_or(&tag).to_owned(), tag]
        };
        Self { tags: tags.iter().flat_map(spellings).collect() }
    }

    fn is_tag(&self, word: &str) -> bool {
        self.tags.contains(word) || self.tags.contains(word.strip_prefix('v').unwrap_or(word))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_tag_is_found_in_every_case_of_its_letters() {
        let (wanted, mut used) = (Wanted::of(&["1.4.0-rc1".to_owned()]), UsedImages::default());
        used.read(&wanted, b"tag: V1.4.0-RC1\n", "a.yaml").unwrap();
        assert_eq!(used.place("1.4.0-rc1", "sha256:0"), Some("a.yaml"));
        assert_eq!(used.place("1.4.0-RC1", "sha256:0"), Some("a.yaml"));
        assert_eq!(used.place("1.4.0", "sha256:0"), None);
    }

    #[test]
    fn digests_of_all_files_together_are_few() {
        let (wanted, mut used) = (Wanted::of(&["1.4.0".to_owned()]), UsedImages::default());
        let file = |count: usize| {
            let lines = (0..count).map(|n| format!("- {n:064x}\n- {n:064x} 1.4.0\n"));
            lines.collect::<String>().into_bytes()
        };
        used.read(&wanted, &file(DIGESTS - 1), "a.yaml").unwrap();
        let known = &used.words["1.4.0"];
        assert_eq!((used.words.len(), Arc::strong_count(known)), (DIGESTS, DIGESTS), "a place is kept once");
        used.read(&wanted, &file(DIGESTS), "b.yaml").unwrap();
        let error = used.read(&wanted, &file(DIGESTS + 1), "c.yaml").unwrap_err();
        assert!(error.contains("more than 20000 digests are named"), "{error}");
        assert_eq!(used.digests().count(), DIGESTS);
    }
}
