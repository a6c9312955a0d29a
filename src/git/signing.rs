//! SSH signatures on commits, made without `ssh-keygen` (OpenSSH `PROTOCOL.sshsig`, git `gpg.format = ssh`).

use std::fmt;
use std::sync::Arc;

use russh::keys::ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};
use secrecy::{ExposeSecret, SecretString};

/// The namespace of the signature, so that it is valid for nothing else; Git requires this one (git
/// `gpg-interface.c`).
const NAMESPACE: &str = "git";

/// A key that signs commits. `Debug` shows only its fingerprint.
#[derive(Clone)]
pub struct SigningKey(Arc<PrivateKey>);

/// Why a key cannot sign. No variant contains the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSigningKey {
    /// The text is not an OpenSSH private key.
    #[error(
        "the signing key cannot be read: give a whole OpenSSH private key (`-----BEGIN OPENSSH PRIVATE KEY-----`)"
    )]
    Unreadable,
    /// The key has a passphrase, and nobody can type it here.
    #[error(
        "the signing key has a passphrase: give one without (`ssh-keygen -p -N ''` removes it from a copy)"
    )]
    Encrypted,
    /// The key is RSA, DSA, a certificate, or stored in a device.
    #[error("a signing key of this type is not supported: make one with `ssh-keygen -t ed25519`")]
    Unsupported,
    /// Signing failed.
    #[error("the signing key made no signature: check that the key is whole")]
    Failed,
}

impl SigningKey {
    /// Parses an OpenSSH private key file, Ed25519 or ECDSA, without a passphrase.
    ///
    /// # Errors
    /// [`BadSigningKey`]; the user has to fix it.
    pub fn from_openssh(pem: &SecretString) -> Result<Self, BadSigningKey> {
        // A secret often lacks the final newline that the format requires.
        let pem = SecretString::from(format!("{}\n", pem.expose_secret().trim()));
        let key = PrivateKey::from_openssh(pem.expose_secret()).map_err(|_| BadSigningKey::Unreadable)?;
        if key.is_encrypted() {
            return Err(BadSigningKey::Encrypted);
        }
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(Self(Arc::new(key))),
            _ => Err(BadSigningKey::Unsupported),
        }
    }

    /// The public key's fingerprint, `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Signs a commit's bytes and returns the armoured signature.
    pub(super) fn sign(&self, commit: &[u8]) -> Result<String, BadSigningKey> {
        let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, commit).map_err(|_| BadSigningKey::Failed)?;
        signature.to_pem(LineEnding::LF).map_err(|_| BadSigningKey::Failed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.fingerprint())
    }
}
