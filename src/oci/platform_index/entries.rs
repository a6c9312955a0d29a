//! The entries of several indexes as those of one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::artifact::{INDEX, MANIFEST};
use super::super::copy::manifest::{DOCKER_LIST, DOCKER_MANIFEST, RawManifest};
use super::super::copy::subset::attested;
use super::super::read::MANIFEST_READ;
use crate::http;

/// The entries so far.
#[derive(Debug, Default)]
pub(super) struct Entries {
    media_type: Option<&'static str>,
    images: Vec<Box<RawValue>>,
    attestations: Vec<Box<RawValue>>,
    annotations: Option<BTreeMap<String, String>>,
    /// The bytes of all entries.
    bytes: usize,
}

// Not as JSON values, which take many times the memory of their text.
#[derive(Deserialize)]
struct ChildWire {
    #[serde(default)]
    manifests: Vec<Box<RawValue>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndexWire {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

impl Entries {
    /// Adds what was built for `platform`: the entries of an index, or an image without one.
    ///
    /// # Errors
    /// Why it cannot be part of the index.
    pub(super) fn add(&mut self, platform: &str, child: &RawManifest) -> Result<(), String> {
        let media_type =
            index_type(child).ok_or_else(|| format!("is a {}, and no image", child.media_type))?;
        if *self.media_type.get_or_insert(media_type) != media_type {
            return Err(format!("is a {}, unlike the others", child.media_type));
        }
        if !child.is_index() {
            return self.keep(described(platform, child));
        }
        let unread = |why: String| format!("cannot be read: {why}");
        let ChildWire { manifests, annotations } = http::json(&child.bytes).map_err(unread)?;
        // Those of the whole image, so each index has the same ones.
        self.annotations = self.annotations.take().or(annotations);
        manifests.iter().try_for_each(|entry| self.keep(http::json(entry.get().as_bytes()).map_err(unread)?))
    }

    /// The index, and its media type.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn index(self) -> Result<(Vec<u8>, &'static str), String> {
        let Self { media_type, images, attestations, annotations, .. } = self;
        let media_type = media_type.ok_or("no platform was built")?;
        // As BuildKit orders them.
        let manifests = images.into_iter().chain(attestations).collect();
        let index = IndexWire { schema_version: 2, media_type, manifests, annotations };
        let bytes = serde_json::to_vec(&index).map_err(|error| error.to_string())?;
        check_size(bytes.len())?;
        Ok((bytes, media_type))
    }

    fn keep(&mut self, entry: Value) -> Result<(), String> {
        let text = RawValue::from_string(entry.to_string()).map_err(|error| error.to_string())?;
        self.bytes += text.get().len();
        check_size(self.bytes)?;
        match attested(&entry) {
            Some(_) => self.attestations.push(text),
            None => self.images.push(text),
        }
        Ok(())
    }
}

fn check_size(bytes: usize) -> Result<(), String> {
    match bytes > MANIFEST_READ {
        true => Err(format!("makes the index larger than {} MiB; annotate less", MANIFEST_READ >> 20)),
        false => Ok(()),
    }
}

/// The media type of the index that may name `child`, or its entries.
fn index_type(child: &RawManifest) -> Option<&'static str> {
    match child.media_type.as_str() {
        INDEX | MANIFEST => Some(INDEX),
        DOCKER_LIST | DOCKER_MANIFEST => Some(DOCKER_LIST),
        _ => None,
    }
}

/// The entry of an image that has no index of its own.
fn described(platform: &str, image: &RawManifest) -> Value {
    let mut parts = platform.splitn(3, '/');
    let [os, architecture, variant] = [(); 3].map(|()| parts.next());
    let mut platform = json!({"os": os, "architecture": architecture});
    if let Some(variant) = variant {
        platform["variant"] = json!(variant);
    }
    let RawManifest { media_type, digest, bytes, .. } = image;
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len(), "platform": platform})
}

#[cfg(test)]
mod tests;
