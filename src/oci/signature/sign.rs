//! Signs an image in both forms, unless it is signed already.

use super::super::{Descriptor, OciError};
use super::SignatureStore;
use super::classic::ClassicSignature;
use crate::signature::{Claim, PrivateKey};

impl SignatureStore<'_> {
    /// Signs `subject` with `key`, in both forms. `claim` is about that subject. Returns the number of signatures that were
    /// not there before.
    ///
    /// # Errors The registry does not answer or refuses it.
    pub async fn sign(
        &mut self,
        subject: &Descriptor,
        claim: &Claim,
        key: &PrivateKey,
    ) -> Result<usize, OciError> {
        let keys = [key.public().clone()];
        let payload = claim.payload(&self.name);
        let signature = key.sign(&payload);
        let new = ClassicSignature { payload, signature };
        let is_as_good = |signature: &[u8]| key.public().verifies(&new.payload, signature);
        let is_new = self.add_classic(&subject.digest, &new, is_as_good).await?;
        let is_ours = |bundle: &[u8]| claim.check_bundle(bundle, &keys).ok().map(drop);
        if self.bundle(&subject.digest, is_ours).await?.is_some() {
            return Ok(usize::from(is_new));
        }
        let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.add_bundle(subject, &claim.bundle(key), &created).await?;
        Ok(usize::from(is_new) + 1)
    }
}
