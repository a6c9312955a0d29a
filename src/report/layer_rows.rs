//! The layers of an image beside those of the previous build.

use std::collections::HashSet;

use crate::oci::{ImageLayer, PlatformContents};

/// A layer, and its size in the previous build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LayerRow<'a> {
    pub(super) layer: &'a ImageLayer,
    /// The bytes of the layer that the same instruction made in the previous build, if there was one.
    pub(super) before: Option<u64>,
    /// Whether it is the same layer.
    pub(super) is_same: bool,
}

/// The layers of `now`. A layer that the previous build did not have is compared with the one of the same instruction.
pub(super) fn rows<'a>(now: &'a PlatformContents, then: Option<&PlatformContents>) -> Vec<LayerRow<'a>> {
    let then = then.map(|then| &then.layers[..]).unwrap_or_default();
    let kept: HashSet<_> = now.layers.iter().map(|layer| &layer.digest).collect();
    let mut replaced: Vec<_> = then.iter().filter(|layer| !kept.contains(&layer.digest)).collect();
    let row = |layer: &'a ImageLayer| {
        let same = then.iter().find(|other| other.digest == layer.digest);
        let other = same.or_else(|| {
            let is_it =
                |other: &&ImageLayer| !layer.created_by.is_empty() && other.created_by == layer.created_by;
            let at = replaced.iter().position(is_it)?;
            Some(replaced.remove(at))
        });
        LayerRow { layer, before: other.map(|other| other.size), is_same: same.is_some() }
    };
    now.layers.iter().map(row).collect()
}

/// The bytes of all layers.
pub(super) fn total(of: &PlatformContents) -> u64 {
    of.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(layers: &[(&str, u64, &str)]) -> PlatformContents {
        let layer = |(digest, size, made): &(&str, u64, &str)| ImageLayer {
            digest: (*digest).to_owned(),
            size: *size,
            created_by: (*made).to_owned(),
        };
        PlatformContents { layers: layers.iter().map(layer).collect(), ..PlatformContents::default() }
    }

    #[test]
    fn a_layer_is_the_same_or_that_of_the_same_instruction_or_new() {
        let then = image(&[("base", 100, "ADD"), ("old", 10, "COPY"), ("gone", 7, "RUN old")]);
        let now =
            image(&[("base", 100, "ADD"), ("new", 12, "COPY"), ("second", 3, "COPY"), ("nameless", 1, "")]);
        let told: Vec<_> = rows(&now, Some(&then)).iter().map(|row| (row.before, row.is_same)).collect();
        assert_eq!(told, [(Some(100), true), (Some(10), false), (None, false), (None, false)]);
        assert!(rows(&now, None).iter().all(|row| row.before.is_none() && !row.is_same));
        assert_eq!((total(&now), total(&then)), (116, 117));
    }
}
