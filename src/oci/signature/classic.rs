//! The classic form: the layers of an image under the tag `sha256-<digest>.sig`, one for each signature (cosign
//! `specs/SIGNATURE_SPEC.md`, `pkg/oci/static/signature.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::super::OciError;
use super::super::copy::named::read;
use super::super::copy::shared_layers::{INDEX, MEND, PAYLOADS, check_count};
use super::super::log::list_tag;
use super::{CONTENT, Checks, SignatureStore};
use crate::http;
use crate::signature::{PAYLOAD, PublicKey};

/// The annotation of a layer with the signature, in Base64.
pub(super) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The most bytes of a signature, in Base64: that of the curve P-256 has at most 72 in DER.
const SIGNATURE_TEXT: usize = 344;

#[derive(Deserialize)]
struct ClassicWire {
    layers: Option<Vec<LayerWire>>,
}

/// A layer, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LayerWire {
    media_type: Option<String>,
    digest: String,
    size: u64,
    annotations: Option<AnnotationsWire>,
}

#[derive(Deserialize)]
struct AnnotationsWire {
    #[serde(rename = "dev.cosignproject.cosign/signature")]
    signature: Option<String>,
}

/// A payload, and the signatures of it, each once.
pub(super) struct Payload {
    pub(super) digest: String,
    size: u64,
    pub(super) signatures: Vec<Vec<u8>>,
}

impl SignatureStore<'_> {
    /// The key of the first classic signature of `subject` that counts. What is no signature is left out, and one payload is in
    /// memory at a time.
    ///
    /// # Errors The registry does not answer, or there are too many.
    pub(super) async fn classic(
        &mut self,
        subject: &str,
        checks: &mut Checks<'_>,
    ) -> Result<Option<PublicKey>, OciError> {
        let payloads = self.payloads(subject).await?;
        if payloads.len() > PAYLOADS {
            return Err(self.too_many(subject, PAYLOADS, "different payloads of signatures"));
        }
        checks.begin();
        for Payload { digest, size, signatures } in payloads {
            let _held = self.memory.content(CONTENT).await?;
            let Some(payload) = self.content(&digest, size).await? else { continue };
            if let Some(key) = checks.payload(&payload, &signatures).await {
                return Ok(Some(key));
            }
            if checks.are_spent() {
                return Err(self.too_many(subject, checks.most(), "signatures to try the keys on"));
            }
        }
        Ok(None)
    }

    /// The signatures of `subject` by payload. A slow registry may take long for the payloads, so the memory for the manifest is given
    /// back before they are read.
    async fn payloads(&mut self, subject: &str) -> Result<Vec<Payload>, OciError> {
        let _held = self.memory.manifest().await?;
        let tag = tag(subject);
        let Some(found) = read(&mut self.target.repository, &tag, self.target.deadline).await? else {
            return Ok(Vec::new());
        };
        if found.is_index() {
            return Err(self.target.odd(&tag, INDEX.to_owned()));
        }
        let wire: ClassicWire = http::json(&found.bytes).map_err(|why| self.target.odd(&tag, why))?;
        let layers = wire.layers.unwrap_or_default();
        check_count(layers.len()).map_err(|why| self.target.odd(&tag, why))?;
        Ok(payloads(layers))
    }

    fn too_many(&self, subject: &str, most: usize, what: &str) -> OciError {
        OciError::Unexpected {
            what: self.target.repository.what(),
            why: format!("{subject} has more than {most} {what}"),
            mend: MEND,
        }
    }
}

/// The signatures of `layers` by payload. Most signatures of an image have the same one. Who may push may list one signature very
/// often, and each costs a check.
pub(super) fn payloads(layers: impl IntoIterator<Item = LayerWire>) -> Vec<Payload> {
    let mut payloads: Vec<Payload> = Vec::new();
    for layer in layers {
        let Some(signature) = signature(&layer) else { continue };
        let LayerWire { digest, size, .. } = layer;
        match payloads.iter_mut().find(|payload| payload.digest == digest) {
            Some(payload) if payload.signatures.contains(&signature) => {}
            Some(payload) => payload.signatures.push(signature),
            None => payloads.push(Payload { digest, size, signatures: vec![signature] }),
        }
    }
    payloads
}

/// The signature in a layer; `None` if it is no signature.
fn signature(layer: &LayerWire) -> Option<Vec<u8>> {
    let is_payload = layer.media_type.as_deref() == Some(PAYLOAD) && layer.size <= CONTENT as u64;
    let signature = layer.annotations.as_ref()?.signature.as_ref().filter(|_| is_payload)?;
    // All of them are in memory while the payloads are read.
    STANDARD.decode(Some(signature).filter(|text| text.len() <= SIGNATURE_TEXT)?).ok()
}

/// The tag of the signatures of `digest`.
pub(super) fn tag(digest: &str) -> String {
    format!("{}.sig", list_tag(digest))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn layer(digest: u8, signature: &Value) -> Value {
        json!({"mediaType": PAYLOAD, "digest": format!("sha256:{digest:064}"), "size": 3, "annotations": {SIGNATURE: signature}})
    }

    #[test]
    fn what_is_listed_often_is_one_signature() {
        let mut layers = vec![layer(1, &"AAAA".into()); 1_000];
        layers.extend([layer(1, &"AAAB".into()), layer(2, &"AAAA".into()), layer(2, &"%".into())]);
        layers.push(json!({"mediaType": PAYLOAD, "digest": "sha256:1", "size": 3}));
        // What no key on P-256 makes takes no memory.
        layers.push(layer(3, &"AAAA".repeat(87).into()));
        let layers = layers.iter().filter_map(|layer| LayerWire::deserialize(layer).ok());
        let counts: Vec<_> = payloads(layers).iter().map(|payload| payload.signatures.len()).collect();
        assert_eq!(counts, [2, 1]);
    }
}
