//! Why a signature does not count.

use std::collections::BTreeMap;
use std::fmt;

use super::PublicKey;
use crate::text;

/// The most reasons that a message names. Some texts are the signers' own.
const SHOWN: usize = 6;

/// Why a signature does not count. It stands in a message that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// None of the keys made it.
    OtherKey,
    /// It is about another image.
    OtherDigest,
    /// It has not the annotation with this name, or with another value.
    Annotation(String),
    /// It is signed, and states something else than that an image is signed, such as how an image was built.
    OtherStatement,
    /// It cannot be read.
    Unreadable(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherKey => f.write_str("made by another key"),
            Self::OtherDigest => f.write_str("of another image"),
            Self::Annotation(name) => write!(f, "without the wanted annotation `{name}`"),
            Self::OtherStatement => f.write_str("of another kind of statement"),
            Self::Unreadable(why) => write!(f, "unreadable ({why})"),
        }
    }
}

impl Unfit {
    /// The error of a parser, shortened.
    pub(super) fn unreadable(error: &impl fmt::Display) -> Self {
        Self::Unreadable(text::brief(&error.to_string(), text::SHOWN))
    }
}

/// The message about the image `name`, which no signature of one of `keys` makes good.
pub fn unsigned(name: &str, keys: &[PublicKey], unfit: &BTreeMap<Unfit, usize>) -> String {
    let ids: Vec<_> = keys.iter().map(PublicKey::id).collect();
    let wanted = match ids.as_slice() {
        [one] => format!("key {one}"),
        several => format!("one of the keys {}", several.join(", ")),
    };
    let mut found: Vec<_> = unfit.iter().take(SHOWN).map(|(why, count)| format!("{count} {why}")).collect();
    match unfit.values().skip(SHOWN).sum::<usize>() {
        0 => {}
        more => found.push(format!("{more} for other reasons")),
    }
    let found = match found.is_empty() {
        true => "it has no signatures".to_owned(),
        false => format!("its signatures do not count: {}", found.join(", ")),
    };
    format!(
        "image {name} is not signed by {wanted}: {found}; sign it (`sign`, or `cosign sign --key`), copy it with its signatures (`push` \
         with `referrers: true`), or name the key that signed it"
    )
}
