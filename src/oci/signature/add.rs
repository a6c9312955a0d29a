//! Adds a signature to those under the tag of an image, where others write too.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::task::yield_now;

use super::super::OciError;
use super::super::artifact::MANIFEST;
use super::super::copy::Tries;
use super::super::copy::manifest::RawManifest;
use super::super::log::{ATTEMPTS, LISTING, another_had_time};
use super::classic::{LayerWire, MEND, MOST, PAYLOADS, Payload, SIGNATURE, payloads, tag};
use super::{SignatureStore, described};
use crate::http;
use crate::signature::PAYLOAD;
use crate::time_limits::within;

/// The media type of the config.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The time of images that have none, as cosign writes it.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A signature and what is signed.
#[derive(Debug, Clone)]
pub(super) struct ClassicSignature {
    pub(super) payload: Vec<u8>,
    /// The signature of the payload, in DER.
    pub(super) signature: Vec<u8>,
}

/// The manifest under the tag.
struct Signatures {
    /// The manifest without its layers.
    manifest: Value,
    /// One for each signature.
    layers: Vec<Value>,
    /// What the tag names.
    digest: Option<String>,
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
        is_as_good: impl Fn(&[u8]) -> bool,
        enter: &impl Fn() -> Option<P>,
    ) -> Result<bool, OciError> {
        // An overloaded registry may take minutes for it. Others would write meanwhile, if the tag were read before.
        self.put_content(&new.payload).await?;
        let (what, key) = (self.target.repository.what(), self.target.repository.list_key(&tag(subject)));
        let (mut is_added, mut tries) = (false, Tries::until(self.target.deadline));
        loop {
            let held = self.memory.manifest().await?;
            let lock = self.target.list_locks.lock(key).await;
            // The next writer of this tag waits meanwhile, so the time is limited.
            let adding = self.add_alone(subject, new, &is_as_good, enter, &mut is_added);
            let late = |why| format!("the signatures of {subject} were not written: {why}");
            let added = within(LISTING, &what, adding)
                .await
                .unwrap_or_else(|why| Err(OciError::Unreachable { what: what.clone(), why: late(why) }));
            drop((lock, held));
            match added {
                Ok(()) => return Ok(is_added),
                Err(error) => tries.wait(error).await?,
            }
        }
    }

    async fn add_alone<P>(
        &mut self,
        subject: &str,
        new: &ClassicSignature,
        is_as_good: &impl Fn(&[u8]) -> bool,
        enter: &impl Fn() -> Option<P>,
        is_added: &mut bool,
    ) -> Result<(), OciError> {
        let (tag, mut layer) = (tag(subject), described(PAYLOAD, &new.payload));
        layer["annotations"] = json!({SIGNATURE: STANDARD.encode(&new.signature)});
        for _ in 0..ATTEMPTS {
            let began = Instant::now();
            let mut signatures = self.signatures_to_extend(&tag).await?;
            let known =
                payloads(signatures.layers.iter().filter_map(|layer| LayerWire::deserialize(layer).ok()));
            if has(&known, &layer["digest"], new, is_as_good).await {
                return Ok(());
            }
            self.check_room(subject, &signatures, &known, &layer["digest"])?;
            signatures.layers.push(layer.clone());
            let (manifest, before) = self.manifest_of(subject, signatures).await?;
            // The config's upload took its time too, and the registry would take our manifest in the place of another's.
            if self.target.digest_of(&tag).await? == before {
                match self.target.put_within(&tag, &manifest, before.as_deref(), enter).await {
                    Ok(_) => *is_added = true,
                    Err(OciError::Moved { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            // Another writer may have read the tag before this write, and overwrite it. So it is read again.
            another_had_time(began).await;
        }
        Err(OciError::Contended { what: self.target.repository.what(), tag })
    }

    /// The signatures under `tag`, or none.
    async fn signatures_to_extend(&mut self, tag: &str) -> Result<Signatures, OciError> {
        let Some(found) = self.signatures(tag).await? else {
            let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST});
            return Ok(Signatures { manifest, layers: Vec::new(), digest: None });
        };
        let mut manifest: Value = http::json(&found.bytes).map_err(|why| self.odd(tag, why))?;
        let layers = match manifest.as_object_mut().and_then(|members| members.remove("layers")) {
            Some(Value::Array(layers)) => layers,
            _ => Vec::new(),
        };
        self.limited(tag, layers.len())?;
        Ok(Signatures { manifest, layers, digest: Some(found.digest) })
    }

    /// # Errors Another signature of the payload `digest` would be more than verifiers read.
    fn check_room(
        &self,
        subject: &str,
        signatures: &Signatures,
        known: &[Payload],
        digest: &Value,
    ) -> Result<(), OciError> {
        if signatures.layers.len() >= MOST {
            return Err(self.full(subject, MOST, "signatures"));
        }
        let is_new = !known.iter().any(|payload| digest == &payload.digest);
        match is_new && known.len() >= PAYLOADS {
            true => Err(self.full(subject, PAYLOADS, "different payloads of signatures")),
            false => Ok(()),
        }
    }

    fn full(&self, subject: &str, most: usize, what: &str) -> OciError {
        let why = format!("{subject} has {most} {what}, and no more are read");
        OciError::Unexpected { what: self.target.repository.what(), why, mend: MEND }
    }

    /// The manifest of `signatures`, whose config is uploaded, and what the tag names so far.
    async fn manifest_of(
        &mut self,
        subject: &str,
        signatures: Signatures,
    ) -> Result<(RawManifest, Option<String>), OciError> {
        let Signatures { mut manifest, layers, digest } = signatures;
        let config = config(&layers);
        self.put_content(&config).await?;
        let kind = manifest["config"]["mediaType"].as_str().unwrap_or(CONFIG).to_owned();
        manifest["config"] = described(&kind, &config);
        manifest["layers"] = layers.into();
        let what = format!("the signatures of {subject}");
        let manifest = RawManifest::read(Bytes::from(manifest.to_string()), None, &what)?;
        Ok((manifest, digest))
    }
}

/// Whether one of the `known` signatures of the payload `digest` is as good as `new`.
async fn has(
    known: &[Payload],
    digest: &Value,
    new: &ClassicSignature,
    is_as_good: &impl Fn(&[u8]) -> bool,
) -> bool {
    let same = known.iter().filter(|payload| digest == &payload.digest);
    for signature in same.flat_map(|payload| &payload.signatures) {
        // The same key signs the same payload with the same signature, unless another program did.
        if *signature == new.signature || is_as_good(signature) {
            return true;
        }
        yield_now().await;
    }
    false
}

/// The config of an image with `layers`. They are not compressed, so their digests are those of their content.
fn config(layers: &[Value]) -> Vec<u8> {
    let digests: Vec<_> = layers.iter().map(|layer| &layer["digest"]).collect();
    let history: Vec<_> = layers.iter().map(|_| json!({"created": NO_TIME})).collect();
    let config = json!({
        "architecture": "",
        "created": NO_TIME,
        "history": history,
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": digests},
        "config": {},
    });
    config.to_string().into_bytes()
}
