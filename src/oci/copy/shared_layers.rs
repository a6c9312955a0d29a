//! Adds layers to the manifest under a tag of cosign, where others write too: signatures (`.sig`) and attestations
//! (`.att`).

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::OciError;
use super::super::artifact::{MANIFEST, described};
use super::super::log::{ATTEMPTS, LISTING, another_had_time};
use super::super::read::MANIFEST_READ;
use super::manifest::RawManifest;
use super::memory::CopyMemory;
use super::named::read;
use super::target::CopyTarget;
use super::tries::Tries;
use crate::http;
use crate::time_limits::within;

/// The most layers under such a tag: as many as cosign reads (`pkg/oci/mutate/signatures.go`).
pub(in crate::oci) const MOST: usize = 1_000;
/// The most payloads of signatures that are read, and so the most that are written.
pub(in crate::oci) const PAYLOADS: usize = 100;
/// What to do about what cannot be read.
pub(in crate::oci) const MEND: &str =
    "look at who may push to this repository, and remove that tag if nobody needs it";
/// Why an index has no signatures.
pub(in crate::oci) const INDEX: &str = "it is an index, and not the signatures of an image";
/// The media type of the config.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The time of images that have none, as cosign writes it.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Layers that are to be under a tag, beside those of others.
pub(in crate::oci) trait Additions: Sync {
    /// The layers that are not among those that are `known` to be there.
    ///
    /// # Errors Why they cannot be added.
    fn missing(&self, known: &[Value]) -> impl Future<Output = Result<Vec<Value>, String>> + Send;

    /// The manifest to write where there is none yet; `None` for a new one.
    fn whole(&self) -> Option<&RawManifest>;
}

/// What is to be written under a tag.
pub(super) struct Change<'n> {
    manifest: NewManifest<'n>,
    /// What the tag names so far.
    before: Option<String>,
}

enum NewManifest<'n> {
    Whole(&'n RawManifest),
    /// A manifest, and its layers, which it does not hold.
    Extended(Value, Vec<Value>),
}

impl CopyTarget<'_> {
    /// Adds the layers of `new` to those under `tag`, where others' layers stay. A caller that has no memory for manifests yet names
    /// where to take it. `enter` gives the permit for one request. Returns whether there was something to add.
    ///
    /// # Errors The registry does not answer or refuses it, or there is no room.
    pub(in crate::oci) async fn add_layers<P>(
        &mut self,
        tag: &str,
        new: &impl Additions,
        memory: Option<&CopyMemory>,
        enter: &impl Fn() -> Option<P>,
    ) -> Result<bool, OciError> {
        let (what, key) = (self.repository.what(), self.repository.list_key(tag));
        let (mut is_added, mut tries) = (false, Tries::until(self.deadline));
        loop {
            let held = CopyMemory::manifest_from(memory).await?;
            let lock = self.list_locks.lock(key).await;
            // The next writer of this tag waits meanwhile, so the time is limited.
            let adding = self.add_alone(tag, new, enter, &mut is_added);
            let late = |why| format!("tag {tag} was not written: {why}");
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
        tag: &str,
        new: &impl Additions,
        enter: &impl Fn() -> Option<P>,
        is_added: &mut bool,
    ) -> Result<(), OciError> {
        for _ in 0..ATTEMPTS {
            let began = Instant::now();
            let Some(Change { manifest, before }) = self.change(tag, new).await? else { return Ok(()) };
            let manifest = self.ready(tag, manifest).await?;
            // The config's upload took its time too, and the registry would take our manifest in the place of another's.
            if self.digest_of(tag).await? == before {
                match self.put_within(tag, &manifest, before.as_deref(), enter).await {
                    Ok(_) => *is_added = true,
                    Err(OciError::Moved { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            // Another writer may have read the tag before this write, and overwrite it. So it is read again.
            another_had_time(began).await;
        }
        Err(OciError::Contended { what: self.repository.what(), tag: tag.to_owned() })
    }

    /// What to write under `tag`, so that it has the layers of `new` too; `None` if it has them.
    pub(super) async fn change<'n>(
        &mut self,
        tag: &str,
        new: &'n impl Additions,
    ) -> Result<Option<Change<'n>>, OciError> {
        let found = read(&mut self.repository, tag, self.deadline).await?;
        let before = found.as_ref().map(|found| found.digest.clone());
        let (manifest, mut layers) = match (found, new.whole()) {
            (None, Some(whole)) => return Ok(Some(Change { manifest: NewManifest::Whole(whole), before })),
            (None, None) => (json!({"schemaVersion": 2, "mediaType": MANIFEST}), Vec::new()),
            (Some(found), Some(whole)) if found.digest == whole.digest => return Ok(None),
            (Some(found), _) => split(&found).map_err(|why| self.odd(tag, why))?,
        };
        let missing = new.missing(&layers).await.map_err(|why| self.odd(tag, why))?;
        if missing.is_empty() {
            return Ok(None);
        }
        check_room(layers.len(), missing.len()).map_err(|why| self.odd(tag, why))?;
        layers.extend(missing);
        Ok(Some(Change { manifest: NewManifest::Extended(manifest, layers), before }))
    }

    /// The manifest with its layers and its config, which is uploaded.
    async fn ready(&mut self, tag: &str, manifest: NewManifest<'_>) -> Result<RawManifest, OciError> {
        let (mut manifest, layers) = match manifest {
            NewManifest::Whole(whole) => return Ok(whole.clone()),
            NewManifest::Extended(manifest, layers) => (manifest, layers),
        };
        let config = config(&layers);
        let kind = manifest["config"]["mediaType"].as_str().unwrap_or(CONFIG).to_owned();
        manifest["config"] = described(&kind, &config);
        manifest["layers"] = layers.into();
        let bytes = Bytes::from(manifest.to_string());
        if bytes.len() > MANIFEST_READ {
            let why = format!(
                "with another layer it has more than {} MiB, and no more is read",
                MANIFEST_READ >> 20
            );
            return Err(self.odd(tag, why));
        }
        self.put_content(&config).await?;
        RawManifest::read(bytes, None, &format!("{}, tag {tag},", self.repository.what()))
    }

    /// Writes a blob, unless it is there.
    pub(in crate::oci) async fn put_content(&mut self, content: &[u8]) -> Result<(), OciError> {
        let mut tries = Tries::until(self.deadline);
        loop {
            match self.repository.put_blob_once(content.to_vec().into()).await {
                Ok(()) => return Ok(()),
                Err(error) => tries.wait(error).await?,
            }
        }
    }

    /// The error for what is under `tag`.
    pub(in crate::oci) fn odd(&self, tag: &str, why: String) -> OciError {
        let what = format!("{}, tag {tag},", self.repository.what());
        OciError::Unexpected { what, why, mend: MEND }
    }
}

/// A manifest without its layers, and the layers.
///
/// # Errors It has none, or too many.
pub(super) fn split(manifest: &RawManifest) -> Result<(Value, Vec<Value>), String> {
    if manifest.is_index() {
        return Err(INDEX.to_owned());
    }
    let mut rest: Value = http::json(&manifest.bytes)?;
    let layers = match rest.as_object_mut().and_then(|members| members.remove("layers")) {
        Some(Value::Array(layers)) => layers,
        _ => Vec::new(),
    };
    check_count(layers.len())?;
    Ok((rest, layers))
}

/// # Errors There are more than [`MOST`] layers.
pub(in crate::oci) fn check_count(layers: usize) -> Result<(), String> {
    match layers > MOST {
        true => Err(format!("it has {layers} layers, and at most {MOST} signatures are read")),
        false => Ok(()),
    }
}

fn check_room(known: usize, more: usize) -> Result<(), String> {
    match known + more > MOST {
        true => Err(format!(
            "it has {known} layers and no room for {more} more: at most {MOST} signatures are read"
        )),
        false => Ok(()),
    }
}

/// # Errors The layers have more different digests than payloads are read.
pub(super) fn check_payloads<'l>(layers: impl Iterator<Item = &'l Value>) -> Result<(), String> {
    let digests: BTreeSet<_> = layers.filter_map(|layer| layer["digest"].as_str()).collect();
    match digests.len() > PAYLOADS {
        true => Err(no_payloads(digests.len())),
        false => Ok(()),
    }
}

/// Why there is no room for another payload.
pub(in crate::oci) fn no_payloads(count: usize) -> String {
    format!("it would have {count} different payloads of signatures, and at most {PAYLOADS} are read")
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
