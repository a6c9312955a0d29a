//! The layers under a tag of cosign at the source, to be added to those at the target.

use serde_json::Value;

use super::manifest::RawManifest;
use super::shared_layers::{Additions, check_payloads, split};

/// The layers under a tag of cosign at the source.
pub(super) struct CopiedLayers<'m> {
    manifest: &'m RawManifest,
    /// The layers, or why they cannot be added to others.
    layers: Result<Vec<Value>, String>,
    are_signatures: bool,
}

impl<'m> CopiedLayers<'m> {
    /// The layers of `manifest`, which is under `tag`.
    pub(super) fn of(manifest: &'m RawManifest, tag: &str) -> Self {
        let layers = split(manifest).map(|(_, layers)| layers);
        Self { manifest, layers, are_signatures: tag.ends_with(".sig") }
    }

    fn lacking(&self, known: &[Value]) -> Result<Vec<Value>, String> {
        let refused =
            |why: &String| format!("what the source has under this tag cannot be added to it: {why}");
        let layers = self.layers.as_ref().map_err(refused)?;
        let mut missing: Vec<Value> = Vec::new();
        for layer in layers {
            if !known.iter().chain(&missing).any(|known| is_same(known, layer)) {
                missing.push(layer.clone());
            }
        }
        if self.are_signatures && !missing.is_empty() {
            check_payloads(known.iter().chain(&missing))?;
        }
        Ok(missing)
    }
}

impl Additions for CopiedLayers<'_> {
    async fn missing(&self, known: &[Value]) -> Result<Vec<Value>, String> {
        self.lacking(known)
    }

    /// Copied as it is, it keeps its digest.
    fn whole(&self) -> Option<&RawManifest> {
        Some(self.manifest)
    }
}

/// The signature of a payload is among the annotations of its layer.
fn is_same(known: &Value, layer: &Value) -> bool {
    known["digest"] == layer["digest"] && known["annotations"] == layer["annotations"]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::super::super::artifact::MANIFEST;
    use super::*;

    fn layer(payload: usize, signature: &str) -> Value {
        json!({"mediaType": "m", "digest": format!("sha256:{payload:064}"), "size": 1, "annotations": {"s": signature}})
    }

    fn lacking(layers: &[Value], known: &[Value], end: &str) -> Result<Vec<Value>, String> {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers});
        let manifest = RawManifest::read(manifest.to_string().into(), None, "r.io/a").unwrap();
        CopiedLayers::of(&manifest, &format!("sha256-1.{end}")).lacking(known)
    }

    #[test]
    fn a_layer_is_the_same_if_its_content_and_its_annotations_are() {
        let (ours, theirs, other) = (layer(1, "ours"), layer(1, "theirs"), layer(2, "ours"));
        let all = [ours.clone(), theirs.clone(), ours.clone(), other.clone()];
        for (known, expected) in [
            (vec![], vec![ours.clone(), theirs.clone(), other.clone()]),
            (vec![theirs.clone()], vec![ours.clone(), other.clone()]),
            (vec![other, theirs, ours], vec![]),
        ] {
            assert_eq!(lacking(&all, &known, "sig"), Ok(expected));
        }
    }

    #[test]
    fn no_more_payloads_are_written_than_are_read() {
        let known: Vec<_> = (0..100).map(|n| layer(n, "theirs")).collect();
        assert_eq!(lacking(&[layer(1, "ours")], &known, "sig").map(|missing| missing.len()), Ok(1));
        let said = lacking(&[layer(100, "ours")], &known, "sig").unwrap_err();
        assert!(said.contains("101 different payloads of signatures, and at most 100"), "{said}");
        assert_eq!(lacking(&[layer(100, "ours")], &known, "att").map(|missing| missing.len()), Ok(1));
    }
}
