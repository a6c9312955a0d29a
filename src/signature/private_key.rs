//! A private key from its file, in each form that cosign and OpenSSL write.

use std::fmt;

use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use pkcs8::PrivateKeyInfoRef;
use secrecy::{ExposeSecret as _, SecretString};

use super::secret_block::SecretBlock;
use super::{KeyError, PublicKey, algorithm, cosign_key, encrypted_key};
use crate::text;

/// A private key on the curve P-256. Its bytes are overwritten when it is dropped.
#[derive(Clone)]
pub struct PrivateKey {
    key: SigningKey,
    public: PublicKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// Reads the key in `text`, whose passphrase is `passphrase`. An encrypted key takes some 100 ms and up to 128 MiB, so the
    /// caller lets few be read at a time.
    ///
    /// # Errors The text has no key that can be used, or the passphrase does not open it.
    pub fn read(text: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let block = SecretBlock::first(text.expose_secret()).ok_or(KeyError::NoPem)?;
        from_block(&block, passphrase).map(Self::from)
    }

    /// Whether the key in `text` may be encrypted.
    pub fn is_encrypted(text: &SecretString) -> bool {
        text.expose_secret().contains("ENCRYPTED")
    }

    /// The signature of `message`: ECDSA with SHA-256, in DER. The same message has the same signature (RFC 6979).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl From<SecretKey> for PrivateKey {
    fn from(key: SecretKey) -> Self {
        let key = SigningKey::from(key);
        let public = PublicKey::of(*key.verifying_key());
        Self { key, public }
    }
}

fn from_block(block: &SecretBlock<'_>, passphrase: Option<&SecretString>) -> Result<SecretKey, KeyError> {
    let (label, content) = (text::brief(block.label, 60), &block.content);
    match label.as_str() {
        _ if block.is_old => {
            Err(KeyError::Encryption { with: "an old cipher of OpenSSL (`Proc-Type`)".to_owned() })
        }
        "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
            from_pkcs8(&cosign_key::decrypt(content, passphrase)?, &label)
        }
        "ENCRYPTED PRIVATE KEY" => encrypted_key::decrypt(content, passphrase, |key| from_pkcs8(key, &label)),
        "PRIVATE KEY" => from_pkcs8(content, &label),
        "EC PRIVATE KEY" => {
            SecretKey::from_sec1_der(content).map_err(|_| algorithm::other_curve(content, &label))
        }
        "RSA PRIVATE KEY" => Err(KeyError::Algorithm { algorithm: "an RSA key".to_owned() }),
        "OPENSSH PRIVATE KEY" => Err(KeyError::Algorithm { algorithm: "an ssh key".to_owned() }),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Err(KeyError::Public),
        _ => Err(KeyError::OtherBlock { label, wanted: "private key" }),
    }
}

/// Reads a key in the form of PKCS #8 (RFC 5958).
fn from_pkcs8(der: &[u8], label: &str) -> Result<SecretKey, KeyError> {
    let broken = || KeyError::Broken { label: label.to_owned() };
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| broken())?;
    let curve = info.algorithm.parameters_oid().ok().map(|id| id.to_string());
    match algorithm::refused(&info.algorithm.oid.to_string(), curve.as_deref()) {
        Some(refused) => Err(refused),
        None => SecretKey::try_from(info).map_err(|_| broken()),
    }
}
