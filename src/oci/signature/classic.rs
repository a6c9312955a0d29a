//! The classic form: the layers of an image under the tag `sha256-<digest>.sig`, one for each signature (cosign
//! `specs/SIGNATURE_SPEC.md`, `pkg/oci/static/signature.go`).

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::yield_now;

use super::super::OciError;
use super::super::artifact::MANIFEST;
use super::super::copy::manifest::RawManifest;
use super::super::copy::named::read;
use super::super::log::{ATTEMPTS, list_tag};
use super::{CONTENT, SignatureStore, described};
use crate::http;
use crate::limits::Held;
use crate::signature::PAYLOAD;

/// The annotation of a layer with the signature, in Base64.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The media type of the config.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The time of images that have none, as cosign writes it.
const NO_TIME: &str = "0001-01-01T00:00:00Z";
/// The most signatures of an image: as many as cosign reads (`pkg/oci/mutate/signatures.go`).
const MOST: usize = 1_000;
/// What to do about signatures that cannot be read.
const MEND: &str = "look at who may push to this repository, and remove that tag if nobody needs it";
/// The most payloads that are read.
const PAYLOADS: usize = 100;

/// A signature and what is signed.
#[derive(Debug, Clone)]
pub(super) struct ClassicSignature {
    pub(super) payload: Vec<u8>,
    /// The signature of the payload, in DER.
    pub(super) signature: Vec<u8>,
}

/// The manifest under the tag.
#[derive(Default)]
struct Signatures {
    /// The manifest without its layers.
    manifest: Value,
    /// One for each signature.
    layers: Vec<Value>,
    /// What the tag names.
    digest: Option<String>,
    /// The memory for it.
    _held: Option<Held>,
}

/// A layer, as far as it is read.
struct Layer<'a> {
    digest: &'a str,
    size: u64,
    signature: Vec<u8>,
}

/// A payload, and the signatures of it.
struct Payload<'a> {
    digest: &'a str,
    size: u64,
    signatures: Vec<Vec<u8>>,
}

impl SignatureStore<'_> {
    /// What `check` makes of the first classic signature of `subject` that it accepts. It gets a payload and a signature. What is no
    /// signature is left out, and one payload is in memory at a time.
    ///
    /// # Errors The registry does not answer, or there are too many.
    pub(super) async fn classic<T>(
        &mut self,
        subject: &str,
        mut check: impl FnMut(&[u8], &[u8]) -> Option<T>,
    ) -> Result<Option<T>, OciError> {
        let signatures = self.signatures(&tag(subject)).await?;
        let payloads = payloads(&signatures.layers);
        if payloads.len() > PAYLOADS {
            return Err(self.too_many(subject, PAYLOADS, "different payloads of signatures"));
        }
        for Payload { digest, size, signatures } in payloads {
            let Some(payload) = self.content(digest, size).await? else { continue };
            for signature in signatures {
                if let Some(found) = check(&payload, &signature) {
                    return Ok(Some(found));
                }
                // A thousand signatures take a while, and others have something to do.
                yield_now().await;
            }
        }
        Ok(None)
    }

    /// Adds `new` to the signatures of `subject`, unless one of them is as good: it has the same payload, and `is_as_good`
    /// accepts it. Others' signatures stay. Returns whether it was added.
    ///
    /// # Errors The registry does not answer or refuses it, or there are too many.
    pub(super) async fn add_classic(
        &mut self,
        subject: &str,
        new: &ClassicSignature,
        is_as_good: impl Fn(&[u8]) -> bool,
    ) -> Result<bool, OciError> {
        let layer = {
            let mut layer = described(PAYLOAD, &new.payload);
            layer["annotations"] = json!({SIGNATURE: STANDARD.encode(&new.signature)});
            layer
        };
        let tag = tag(subject);
        let _lock = self.target.list_locks.lock(self.target.repository.list_key(&tag)).await;
        for attempt in 0..ATTEMPTS {
            let began = Instant::now();
            let Signatures { mut manifest, mut layers, digest, _held } = self.signatures(&tag).await?;
            if has(&layers, &layer["digest"], &is_as_good).await {
                return Ok(attempt > 0);
            }
            if layers.len() >= MOST {
                return Err(self.too_many(subject, MOST, "signatures"));
            }
            layers.push(layer.clone());
            let config = config(&layers);
            self.put_content(&new.payload).await?;
            self.put_content(&config).await?;
            let kind = manifest["config"]["mediaType"].as_str().unwrap_or(CONFIG).to_owned();
            manifest["config"] = described(&kind, &config);
            manifest["layers"] = layers.into();
            let what = format!("the signatures of {subject}");
            let manifest = RawManifest::read(Bytes::from(manifest.to_string()), None, &what)?;
            match self.target.put(&tag, &manifest, digest.as_deref()).await {
                Ok(_) | Err(OciError::Moved { .. }) => {}
                Err(error) => return Err(error),
            }
            // Another writer may have read the tag before this write, and overwrite it. So it is read again, after a pause
            // that is as long as another's reading and writing may take.
            tokio::time::sleep(began.elapsed().mul_f64(1.0 + fastrand::f64())).await;
        }
        Err(OciError::Contended { what: self.target.repository.what(), tag })
    }

    /// The signatures under `tag`, or none.
    async fn signatures(&mut self, tag: &str) -> Result<Signatures, OciError> {
        let held = self.memory.manifest().await?;
        let found = read(&mut self.target.repository, tag, self.target.deadline).await?;
        let Some(found) = found else {
            let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST});
            return Ok(Signatures { manifest, ..Signatures::default() });
        };
        let what = self.target.repository.what();
        let odd = |why| OciError::Unexpected { what: format!("{what}, tag {tag},"), why, mend: MEND };
        if found.is_index() {
            return Err(odd("it is an index, and not the signatures of an image".to_owned()));
        }
        let mut manifest: Value = http::json(&found.bytes).map_err(odd)?;
        let members = manifest.as_object_mut().ok_or_else(|| odd("it is no manifest".to_owned()))?;
        let layers = match members.remove("layers") {
            Some(Value::Array(layers)) => layers,
            _ => Vec::new(),
        };
        match layers.len() {
            count if count > MOST => {
                Err(odd(format!("it has {count} layers, and at most {MOST} signatures are read")))
            }
            _ => Ok(Signatures { manifest, layers, digest: Some(found.digest), _held: Some(held) }),
        }
    }

    fn too_many(&self, subject: &str, most: usize, what: &str) -> OciError {
        OciError::Unexpected {
            what: self.target.repository.what(),
            why: format!("{subject} has more than {most} {what}"),
            mend: MEND,
        }
    }
}

impl<'a> Layer<'a> {
    /// Reads a layer; `None` if it is no signature.
    fn read(layer: &'a Value) -> Option<Self> {
        let signature = layer["annotations"][SIGNATURE].as_str()?;
        let signature = STANDARD.decode(signature).ok()?;
        let (digest, size) = (layer["digest"].as_str()?, layer["size"].as_u64()?);
        let is_payload = layer["mediaType"] == PAYLOAD && size <= CONTENT as u64;
        is_payload.then_some(Self { digest, size, signature })
    }
}

/// The signatures of `layers` by payload. Most signatures of an image have the same one.
fn payloads(layers: &[Value]) -> Vec<Payload<'_>> {
    let mut payloads: Vec<Payload<'_>> = Vec::new();
    for Layer { digest, size, signature } in layers.iter().filter_map(Layer::read) {
        match payloads.iter_mut().find(|payload| payload.digest == digest) {
            Some(payload) => payload.signatures.push(signature),
            None => payloads.push(Payload { digest, size, signatures: vec![signature] }),
        }
    }
    payloads
}

/// Whether one of `layers` is a signature of the payload `digest` that `is_as_good` accepts.
async fn has(layers: &[Value], digest: &Value, is_as_good: &impl Fn(&[u8]) -> bool) -> bool {
    for layer in layers {
        let signature = Layer::read(layer).filter(|known| digest == known.digest);
        if signature.is_some_and(|known| is_as_good(&known.signature)) {
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

/// The tag of the signatures of `digest`.
fn tag(digest: &str) -> String {
    format!("{}.sig", list_tag(digest))
}
