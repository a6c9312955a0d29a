//! Looks for a signature of an image that counts.

use std::collections::BTreeMap;

use super::super::OciError;
use super::{Checks, SignatureStore};
use crate::outcome::Fault;
use crate::signature::{Claim, PublicKey, Unfit};

/// Whether an image is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// One of its signatures counts.
    Signed {
        /// The key that made it.
        key: PublicKey,
        /// Where it is.
        form: SignatureForm,
    },
    /// None of its signatures counts: how many for which reason.
    Unsigned(BTreeMap<Unfit, usize>),
}

/// The two forms of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureForm {
    /// A layer under the tag `sha256-….sig`.
    Classic,
    /// An artifact that refers to the image.
    Bundle,
}

impl SignatureForm {
    /// Says that the image `name` is signed in this form, by the key with the id `key`.
    pub fn signed(self, name: &str, key: &str) -> String {
        let form = match self {
            Self::Classic => "classic signature",
            Self::Bundle => "bundle",
        };
        format!("{name} is signed by key {key} ({form})")
    }
}

impl SignatureStore<'_> {
    /// Looks for a signature that states `claim` and was made by one of `keys`, first among the classic ones.
    ///
    /// # Errors The registry does not answer. If only one of the two places cannot be read, the other still counts.
    pub async fn verify(&mut self, claim: &Claim, keys: &[PublicKey]) -> Result<Verification, OciError> {
        let mut checks = Checks::new(claim, keys);
        let found = self.classic(&claim.digest, &mut checks).await;
        if let Some(key) = unless_odd(found, &mut checks.unfit)? {
            return Ok(Verification::Signed { key, form: SignatureForm::Classic });
        }
        let found = self.bundle(&claim.digest, &mut checks).await;
        match unless_odd(found, &mut checks.unfit)? {
            Some(key) => Ok(Verification::Signed { key, form: SignatureForm::Bundle }),
            None => Ok(Verification::Unsigned(checks.unfit)),
        }
    }
}

/// What was read. If somebody's signatures cannot be read, that is a reason among others.
fn unless_odd<T: Default>(
    read: Result<T, OciError>,
    unfit: &mut BTreeMap<Unfit, usize>,
) -> Result<T, OciError> {
    match read {
        Err(error @ (OciError::Unexpected { .. } | OciError::Store { .. }))
            if error.fault() == Fault::User =>
        {
            unfit.insert(Unfit::Unreadable(error.to_string()), 1);
            Ok(T::default())
        }
        read => read,
    }
}
