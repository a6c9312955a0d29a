//! The words in a file's values, for a reader that asks which images a file names.

use std::collections::BTreeSet;

use super::error::EditError;
use super::input;
use super::parser::Kind;
use super::stream::Stream;

/// Adds every word of the values in `input` to `words` that `wanted` takes, which is asked about words that are not there yet. A word
/// is a run of the characters that image references have; a reference is also the words that it consists of. Values are read as
/// they are written, so `1.10` is not `1.1`. Comments are no values. A text within a value, such as the Helm values of an Argo CD Application, has words too.
///
/// # Errors
///
/// The file is no YAML.
pub fn image_words(
    input: &[u8],
    words: &mut BTreeSet<String>,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), EditError> {
    let stream = Stream::parse(input::check(input)?.body)?;
    for event in stream.events() {
        let Kind::Scalar { value, .. } = &event.kind else { continue };
        for word in value.split(|c: char| !is_of_references(c)).flat_map(parts) {
            if !words.contains(word) && wanted(word) {
                words.insert(word.to_owned());
            }
        }
    }
    Ok(())
}

fn is_of_references(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@')
}

/// `word` itself; of `name:tag@digest` the tag and the digest. Each also without the punctuation at its end.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let (name, digest) = word.split_once('@').map_or((word, None), |(name, digest)| (name, Some(digest)));
    let tag = name.rsplit_once(':').map(|(_, tag)| tag);
    let parts = [Some(word), Some(name), digest, tag].into_iter().flatten();
    let ends = |part: &str| part.trim_end_matches(['.', ':', '-', '/']).len();
    parts.flat_map(move |part| [part, &part[..ends(part)]]).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn words(text: &str) -> String {
        let mut words = BTreeSet::new();
        image_words(text.as_bytes(), &mut words, |word| {
            ['1', 's', 'v'].iter().any(|c| word.starts_with(*c))
                && word.contains(|c: char| c.is_ascii_digit() || c == '/')
        })
        .unwrap();
        words.into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn images_are_found_in_every_shape() {
        for (text, found) in [
            ("image: {repository: shop/api, tag: 1.10}\n", "1.10 shop/api"),
            ("image: r.io:5000/shop/api:1.4.0\n", "1.4.0"),
            ("image: r.io/shop/api:1.4.0@sha256:00\n", "1.4.0 sha256:00"),
            ("images:\n- name: api\n  newTag: v1  # 1.3.0\n", "v1"),
            ("a: 1.3.0 # 1.2.0\n--- \nb: &b 1.4.0\nc: *b\n", "1.3.0 1.4.0"),
            ("values: |\n  image:\n    tag: \"1.5.0\"  # the newest\n", "1.5.0"),
            ("args: ['--image=r.io/api:1.6.0,x']\n", "1.6.0"),
            ("{\"image\": \"api:1.7.0\"}", "1.7.0"),
            ("note: it runs 1.8.0.\n", "1.8.0 1.8.0."),
            ("1.9.0: true\n", "1.9.0"),
            ("note: r.io/api:1.9.1@sha256:00.\n", "1.9.1 sha256:00 sha256:00."),
            ("note: r.io/api:1.9.2.\n", "1.9.2 1.9.2."),
        ] {
            assert_eq!(words(text), found, "{text}");
        }
        let mut none = BTreeSet::new();
        assert!(image_words(b"image: {{ .Values.image }}\n", &mut none, |_| true).is_err());
    }
}
