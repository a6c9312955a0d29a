//! The hash of a message, by which all its signatures are checked.

use sha2::{Digest as _, Sha256};

use super::{PublicKey, Unfit};

/// The SHA-256 of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHash([u8; 32]);

impl MessageHash {
    /// The hash of `message`.
    pub fn of(message: &[u8]) -> Self {
        Self(Sha256::digest(message).into())
    }

    /// The key of `keys` that made `signature` of the message.
    ///
    /// # Errors None of the keys made it.
    pub fn signer<'k>(&self, keys: &'k [PublicKey], signature: &[u8]) -> Result<&'k PublicKey, Unfit> {
        keys.iter().find(|key| key.verifies_hash(&self.0, signature)).ok_or(Unfit::OtherKey)
    }
}
