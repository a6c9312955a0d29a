//! Checks signatures one after another, with a limit: whoever may push may write very many.

use std::collections::BTreeMap;

use tokio::task::yield_now;

use crate::signature::{Claim, PublicKey, Unfit};

/// How often a key is tried on a signature of an image in one form: some tenths of a second of a processor.
const TRIES: usize = 2_000;

/// The checks whether signatures state a claim and are made by one of some keys.
pub(super) struct Checks<'c> {
    claim: &'c Claim,
    keys: &'c [PublicKey],
    /// How many do not count, by reason.
    pub(super) unfit: BTreeMap<Unfit, usize>,
    /// How often a key may still be tried.
    left: usize,
}

impl<'c> Checks<'c> {
    pub(super) fn new(claim: &'c Claim, keys: &'c [PublicKey]) -> Self {
        Self { claim, keys, unfit: BTreeMap::new(), left: TRIES }
    }

    /// Begins with the signatures of another form, which are not to suffer from a flood of the one before.
    pub(super) fn begin(&mut self) {
        self.left = TRIES;
    }

    /// Whether no further signature may be checked.
    pub(super) fn are_spent(&self) -> bool {
        self.left < self.keys.len()
    }

    /// The most signatures that state the claim.
    pub(super) fn most(&self) -> usize {
        TRIES / self.keys.len().max(1)
    }

    /// The key that made the first of `signatures` of `payload` that counts. The payload is read once, however many there are.
    pub(super) async fn payload(&mut self, payload: &[u8], signatures: &[Vec<u8>]) -> Option<PublicKey> {
        let hash = match self.claim.check_payload(payload) {
            Ok(hash) => hash,
            Err(why) => {
                *self.unfit.entry(why).or_default() += signatures.len();
                return None;
            }
        };
        for signature in signatures {
            if let Some(key) = self.counted(hash.signer(self.keys, signature)).await {
                return Some(key);
            }
            if self.are_spent() {
                break;
            }
        }
        None
    }

    /// The key that signed `bundle`, if that counts.
    pub(super) async fn bundle(&mut self, bundle: &[u8]) -> Option<PublicKey> {
        self.counted(self.claim.check_bundle(bundle, self.keys)).await
    }

    async fn counted(&mut self, checked: Result<&PublicKey, Unfit>) -> Option<PublicKey> {
        // The keys are tried last: what states something else has cost nothing.
        if matches!(checked, Ok(_) | Err(Unfit::OtherKey)) {
            self.left = self.left.saturating_sub(self.keys.len());
        }
        // Many signatures take a while, and others have something to do.
        yield_now().await;
        match checked {
            Ok(key) => Some(key.clone()),
            Err(why) => {
                *self.unfit.entry(why).or_default() += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn keys_are_tried_a_limited_number_of_times_and_only_on_what_states_the_claim() {
        let claim = |n: u8| Claim { digest: format!("sha256:{n:064}"), annotations: BTreeMap::new() };
        let (wanted, other) = (claim(1), claim(2).payload("r.io/a"));
        let text = include_str!("../../../tests/cosign/keys/other-public.pem");
        let keys = vec![PublicKey::read_all(text).unwrap().remove(0); 20];
        let mut checks = Checks::new(&wanted, &keys);
        assert_eq!(checks.payload(&other, &vec![Vec::new(); 500]).await, None);
        assert!(!checks.are_spent());
        assert_eq!(checks.payload(&wanted.payload("r.io/a"), &vec![Vec::new(); 60]).await, None);
        assert!(!checks.are_spent());
        assert_eq!(checks.payload(&wanted.payload("r.io/a"), &vec![Vec::new(); 1_000]).await, None);
        assert_eq!((checks.are_spent(), checks.most()), (true, 100));
        assert_eq!(checks.unfit, BTreeMap::from([(Unfit::OtherDigest, 500), (Unfit::OtherKey, 100)]));
        checks.begin();
        assert!(!checks.are_spent());
    }
}
