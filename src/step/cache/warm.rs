//! `cache.warm`: images that the daemon pulls before a build needs them.

use super::super::build::{Platform, platforms, registry_secret};
use super::super::form::ValueForm::{Maybe, Word, Words};
use super::super::form::{SECRET, optional, required};
use super::super::mention::{Mention, MentionKind};
use super::super::node::Node;
use super::super::{FieldTable, InvalidStep, SecretKey, names};
use crate::oci::ImageRef;

/// The most images, each for one platform. One node pulls them one after the other.
const MOST: usize = 200;

pub(super) const WARM: &FieldTable = &FieldTable::of(&[
    required("images", Words(&Word)),
    optional("platforms", Words(&Maybe(&Word))),
    optional("registry-secret", SECRET),
]);

/// The images that are pulled and extracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warm {
    /// The images, each once.
    pub images: Vec<ImageRef>,
    /// The platforms of each image. Empty means the daemon's own.
    pub platforms: Vec<Platform>,
    /// A docker config with the login of their registries.
    pub registry_secret: Option<SecretKey>,
}

/// Reads the value under `warm`.
pub(super) fn read(node: Node<'_>) -> Result<Warm, InvalidStep> {
    let mut fields = node.fields(WARM)?;
    let listed = fields.required("images")?;
    let here = listed.clone();
    let mut images = Vec::new();
    for node in listed.words()? {
        let image = names::image(node, "")?;
        if !images.contains(&image) {
            images.push(image);
        }
    }
    if images.is_empty() {
        return Err(here.refuse("names no image; write at least one"));
    }
    let platforms = fields.or_default("platforms", platforms)?;
    let count = images.len() * platforms.len().max(1);
    if count > MOST {
        return Err(here.refuse(format!("has {count} images with their platforms; at most {MOST} are taken")));
    }
    let registry_secret = fields.optional("registry-secret").map(registry_secret).transpose()?;
    Ok(Warm { images, platforms, registry_secret })
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(warm: &Warm) -> Vec<Mention> {
    let Warm {
        images,
        // They choose within the images.
        platforms: _,
        // A Secret of the workflow's own namespace, read with the rights of its account.
        registry_secret: _,
    } = warm;
    let mention = |image: &ImageRef| Mention::new(MentionKind::Images, "cache.warm.images", image.name());
    images.iter().map(mention).collect()
}
