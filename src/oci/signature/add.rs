//! Adds a signature to those under the tag of an image, where others write too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::task::yield_now;

use super::super::OciError;
use super::super::artifact::described;
use super::super::copy::manifest::RawManifest;
use super::super::copy::shared_layers::{Additions, PAYLOADS, no_payloads};
use super::SignatureStore;
use super::classic::{LayerWire, SIGNATURE, payloads, tag};
use crate::signature::PAYLOAD;

/// A signature and what is signed.
#[derive(Debug, Clone)]
pub(super) struct ClassicSignature {
    pub(super) payload: Vec<u8>,
    /// The signature of the payload, in DER.
    pub(super) signature: Vec<u8>,
}

impl SignatureStore<'_> {
    /// Adds `new` to the signatures of `subject`, unless one of them is as good: it has the same payload, and `is_as_good`
    /// accepts it. Others' signatures stay. `enter` gives the permit for one request. Returns whether it was added.
    ///
    /// # Errors The registry does not answer or refuses it, or there are too many.
    pub(super) async fn add_classic<P>(
        &mut self,
        subject: &str,
        new: &ClassicSignature,
        is_as_good: impl Fn(&[u8]) -> bool + Sync,
        enter: &impl Fn() -> Option<P>,
    ) -> Result<bool, OciError> {
        // An overloaded registry may take minutes for it. Others would write meanwhile, if the tag were read before.
        self.target.put_content(&new.payload).await?;
        let mut layer = described(PAYLOAD, &new.payload);
        layer["annotations"] = json!({SIGNATURE: STANDARD.encode(&new.signature)});
        let added = NewSignature { layer, signature: &new.signature, is_as_good };
        self.target.add_layers(&tag(subject), &added, Some(self.memory), enter).await
    }
}

/// The layer with a signature.
struct NewSignature<'s, F> {
    layer: Value,
    signature: &'s [u8],
    /// Whether another signature of the same payload is as good.
    is_as_good: F,
}

impl<F: Fn(&[u8]) -> bool + Sync> NewSignature<'_, F> {
    /// Whether one of the `known` signatures of the same payload is as good.
    async fn is_among(&self, known: &[Vec<u8>]) -> bool {
        for signature in known {
            // The same key signs the same payload with the same signature, unless another program did.
            if signature == self.signature || (self.is_as_good)(signature) {
                return true;
            }
            yield_now().await;
        }
        false
    }
}

impl<F: Fn(&[u8]) -> bool + Sync> Additions for NewSignature<'_, F> {
    async fn missing(&self, known: &[Value]) -> Result<Vec<Value>, String> {
        let known = payloads(known.iter().filter_map(|layer| LayerWire::deserialize(layer).ok()));
        match known.iter().find(|payload| self.layer["digest"] == payload.digest) {
            Some(same) if self.is_among(&same.signatures).await => Ok(Vec::new()),
            // Another one would be more than verifiers read.
            None if known.len() >= PAYLOADS => Err(no_payloads(known.len() + 1)),
            _ => Ok(vec![self.layer.clone()]),
        }
    }

    fn whole(&self) -> Option<&RawManifest> {
        None
    }
}
