//! A public key from its file.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::EncodePublicKey as _;
use pem::Pem;
use pkcs8::spki::SubjectPublicKeyInfoRef;
use sha2::{Digest as _, Sha256};

use super::{KeyError, algorithm};
use crate::text;

/// The most keys of one file, and of one step.
const MOST: usize = 20;

/// A public key on the curve P-256.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    /// The SHA-256 of its DER form.
    hash: [u8; 32],
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

impl PublicKey {
    /// Reads the keys in `text`, of which there is at least one.
    ///
    /// # Errors The text has no key, or one that cannot be used.
    pub fn read_all(text: &str) -> Result<Vec<Self>, KeyError> {
        let blocks = pem::parse_many(text).map_err(|_| KeyError::NoPem)?;
        match blocks.len() {
            0 => Err(KeyError::NoPem),
            count if count > MOST => Err(KeyError::TooMany { count, most: MOST }),
            _ => blocks.iter().map(from_block).collect(),
        }
    }

    /// The keys of both lists, each once. Every signature of an image is tried with each of them.
    ///
    /// # Errors They are too many.
    pub fn joined(mut keys: Vec<Self>, more: Vec<Self>) -> Result<Vec<Self>, KeyError> {
        for key in more {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        match keys.len() {
            count if count > MOST => Err(KeyError::TooMany { count, most: MOST }),
            _ => Ok(keys),
        }
    }

    pub(super) fn of(key: VerifyingKey) -> Self {
        let der = key.to_public_key_der().map(|der| der.into_vec()).unwrap_or_default();
        Self { key, hash: Sha256::digest(der).into() }
    }

    /// The SHA-256 of the key's DER form, as `sha256:…`: the output of
    /// `openssl pkey -pubin -in cosign.pub -outform DER | sha256sum`.
    pub fn id(&self) -> String {
        format!("sha256:{}", hex::encode(self.hash))
    }

    /// The same as a bundle has it (sigstore-go `pkg/sign/keys.go`).
    pub(super) fn hint(&self) -> String {
        STANDARD.encode(self.hash)
    }

    /// Whether `signature`, in DER, is this key's signature of the message whose SHA-256 is `hash`.
    pub(super) fn verifies_hash(&self, hash: &[u8], signature: &[u8]) -> bool {
        let signature = Signature::from_der(signature);
        signature.is_ok_and(|signature| self.key.verify_prehash(hash, &signature).is_ok())
    }
}

fn from_block(block: &Pem) -> Result<PublicKey, KeyError> {
    let label = text::brief(block.tag(), 60);
    match block.tag() {
        "PUBLIC KEY" => from_spki(block.contents(), &label),
        "RSA PUBLIC KEY" => Err(KeyError::Algorithm { algorithm: "an RSA key".to_owned() }),
        tag if tag.ends_with("PRIVATE KEY") => Err(KeyError::Private),
        _ => Err(KeyError::OtherBlock { label, wanted: "public key" }),
    }
}

/// Reads a key in the form of RFC 5280, "Subject Public Key Info".
fn from_spki(der: &[u8], label: &str) -> Result<PublicKey, KeyError> {
    let broken = || KeyError::Broken { label: label.to_owned() };
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| broken())?;
    let curve = info.algorithm.parameters_oid().ok().map(|id| id.to_string());
    match algorithm::refused(&info.algorithm.oid.to_string(), curve.as_deref()) {
        Some(refused) => Err(refused),
        None => VerifyingKey::try_from(info).map(PublicKey::of).map_err(|_| broken()),
    }
}
