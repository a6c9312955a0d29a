//! Signs an image in both forms, unless it is signed already.

use super::super::{Descriptor, OciError};
use super::add::ClassicSignature;
use super::{Checks, SignatureStore};
use crate::signature::{Claim, MessageHash, PrivateKey};

impl SignatureStore<'_> {
    /// Signs `subject` with `key`, in both forms. `claim` is about that subject. `enter` gives the permit for one request that
    /// writes a manifest, which is held while that request runs. Returns the number of signatures that were not there before.
    ///
    /// # Errors The registry does not answer or refuses it; [`OciError::Stopped`] if there is no permit.
    pub async fn sign<P>(
        &mut self,
        subject: &Descriptor,
        claim: &Claim,
        key: &PrivateKey,
        enter: &impl Fn() -> Option<P>,
    ) -> Result<usize, OciError> {
        let keys = [key.public().clone()];
        let payload = claim.payload(&self.name);
        let signature = key.sign(&payload);
        let new = ClassicSignature { payload, signature };
        let hash = MessageHash::of(&new.payload);
        let is_as_good = |signature: &[u8]| hash.signer(&keys, signature).is_ok();
        let is_new = self.add_classic(&subject.digest, &new, is_as_good, enter).await?;
        if self.bundle(&subject.digest, &mut Checks::new(claim, &keys)).await?.is_some() {
            return Ok(usize::from(is_new));
        }
        let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.add_bundle(subject, &claim.bundle(key), &created, enter).await?;
        Ok(usize::from(is_new) + 1)
    }
}
