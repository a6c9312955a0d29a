//! Signatures of images in the two forms that cosign writes, as functions from bytes to bytes.
//!
//! The classic form is a payload that names the image's digest, and a signature of the payload (cosign
//! `specs/SIGNATURE_SPEC.md`). The newer form is a bundle: an in-toto statement about the digest in a DSSE envelope. Some
//! verifiers read only the one, some only the other. Keys are EC keys on the curve P-256. Nothing here asks a
//! transparency log, and nothing here trusts one.

mod algorithm;
mod bundle;
mod cosign_key;
mod encrypted_key;
mod error;
mod message_hash;
mod payload;
mod private_key;
mod public_key;
mod secret_block;
#[cfg(test)]
mod tests;
mod unfit;
mod unique;

pub use bundle::{BUNDLE, PREDICATE};
pub use error::KeyError;
pub use message_hash::MessageHash;
pub use payload::PAYLOAD;
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub use unfit::{Unfit, unsigned};

use std::collections::BTreeMap;

/// What a signature states: the digest of an image, and annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The digest of the image, or of one of its platforms: `sha256:…`.
    pub digest: String,
    /// The annotations that the signer adds, or that a verifier requires.
    pub annotations: BTreeMap<String, String>,
}

impl Claim {
    /// The payload of a classic signature. `repository` is the image's name without tag and digest. Verifiers do not
    /// compare it, since images are copied with their signatures.
    pub fn payload(&self, repository: &str) -> Vec<u8> {
        payload::write(self, repository)
    }

    /// A bundle, signed with `key`.
    pub fn bundle(&self, key: &PrivateKey) -> Vec<u8> {
        bundle::write(self, key)
    }

    /// The hash of `payload`, which states this claim. Every signature of the payload is checked by this one hash.
    ///
    /// # Errors It states something else.
    pub fn check_payload(&self, payload: &[u8]) -> Result<MessageHash, Unfit> {
        // It is cheaper to read than to verify, and proves nothing before it is verified.
        payload::check(self, payload)?;
        Ok(MessageHash::of(payload))
    }

    /// The key of `keys` that signed `bundle`, which states this claim.
    ///
    /// # Errors None of the keys signed it, or it states something else.
    pub fn check_bundle<'k>(&self, bundle: &[u8], keys: &'k [PublicKey]) -> Result<&'k PublicKey, Unfit> {
        bundle::check(self, bundle, keys)
    }

    /// Whether the annotations of a signature have those of this claim. `of` returns the text of an annotation.
    fn check_annotations<'a>(&self, of: impl Fn(&str) -> Option<&'a str>) -> Result<(), Unfit> {
        let missing = self.annotations.iter().find(|(name, value)| of(name) != Some(value.as_str()));
        missing.map_or(Ok(()), |(name, _)| Err(Unfit::Annotation(name.clone())))
    }
}

/// Reads bytes as each of the forms that others write. They are signed here, so that more than the signature is read.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(bytes: &[u8]) {
    let claim = Claim { digest: format!("sha256:{:064}", 1), annotations: BTreeMap::new() };
    let _ = (
        payload::check(&claim, bytes),
        bundle::check_statement(&claim, bytes),
        claim.check_bundle(bytes, &[]),
    );
    let text = String::from_utf8_lossy(bytes).into_owned();
    let _ = PublicKey::read_all(&text);
    // An encrypted key takes its time, within limits that a test holds.
    if !text.contains("ENCRYPTED") {
        let _ = PrivateKey::read(&text.into(), None);
    }
}
