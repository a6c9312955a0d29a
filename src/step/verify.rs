//! `verify`: checks that images are signed by one of some keys.

use std::collections::BTreeMap;

use super::build::registry_secret;
use super::form::ValueForm::{Map, Text, Words};
use super::form::{FieldRule, IMAGE, SECRET, optional, required};
use super::limits::too_many;
use super::node::{Fields, Node};
use super::sign::{ANNOTATIONS, annotations};
use super::spec::{Output, Spec, sample};
use super::{FieldTable, InvalidStep, Mention, MentionKind, RegistryRef, SecretKey};
use crate::signature::PublicKey;

pub(super) const SPEC: Spec = Spec { name: "verify", form: Map(VERIFY), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
const VERIFY: &FieldTable = &FieldTable {
    fields: &[
        required("images", Words(&IMAGE)),
        optional("key", SECRET),
        optional("public-keys", Text),
        optional("annotations", ANNOTATIONS),
        optional("registry-secret", SECRET),
    ],
    rules: &[FieldRule::AnyOf(&["key", "public-keys"])],
};

/// `verified` is the first image, `images` a JSON list of all images, by digest; `key-id` is the key that signed the first.
const OUTPUTS: &[Output] = &[
    Output::ours("verified", sample::IMAGE),
    Output::ours("images", "[]"),
    Output::ours("key-id", sample::DIGEST),
];

/// The key of the Secret that `cosign generate-key-pair k8s://…` makes, with the public key.
pub const COSIGN_PUB: &str = "cosign.pub";
/// The most images of one step.
const MOST: usize = 50;

/// A valid `verify` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// The images to check, each once; not empty. A tag is resolved when the step begins.
    pub images: Vec<RegistryRef>,
    /// A Secret with public keys.
    pub key: Option<SecretKey>,
    /// Public keys that the step itself has.
    pub public_keys: Vec<PublicKey>,
    /// The annotations that a signature must have.
    pub annotations: BTreeMap<String, String>,
    /// A docker config with the logins of the registries.
    pub registry_secret: Option<SecretKey>,
}

/// Reads the value under `verify`.
pub(super) fn read(node: Node<'_>) -> Result<Verify, InvalidStep> {
    let mut fields = node.fields(VERIFY)?;
    let images = images(fields.required("images")?)?;
    let key = fields.optional("key").map(|node| SecretKey::with_default(node, COSIGN_PUB)).transpose()?;
    let public_keys = fields.or_default("public-keys", public_keys)?;
    if key.is_none() && public_keys.is_empty() {
        return Err(no_key(&fields));
    }
    Ok(Verify {
        images,
        key,
        public_keys,
        annotations: fields.or_default("annotations", annotations)?,
        registry_secret: fields.optional("registry-secret").map(registry_secret).transpose()?,
    })
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(verify: &Verify) -> Vec<Mention> {
    let Verify {
        images,
        // They decide what counts as signed.
        public_keys: _,
        annotations: _,
        // Secrets of the workflow's own namespace, read with the rights of its account.
        key: _,
        registry_secret: _,
    } = verify;
    images
        .iter()
        .map(|image| Mention::new(MentionKind::Images, "verify.images", image.image.name()))
        .collect()
}

fn no_key(fields: &Fields<'_>) -> InvalidStep {
    fields.refuse(
        "key",
        "is missing; name a Secret with the public key, or write the key itself in `public-keys`",
    )
}

fn images(node: Node<'_>) -> Result<Vec<RegistryRef>, InvalidStep> {
    let mut images = Vec::new();
    for item in node.clone().words()?.into_iter() {
        let image = RegistryRef::read(item)?;
        if !images.contains(&image) {
            images.push(image);
        }
    }
    match images.len() {
        0 => Err(node.refuse("names no image; write at least one")),
        count if count > MOST => Err(node.refuse(too_many(count, "images", MOST))),
        _ => Ok(images),
    }
}

fn public_keys(node: Node<'_>) -> Result<Vec<PublicKey>, InvalidStep> {
    let here = node.clone();
    PublicKey::read_all(&node.verbatim()?).map_err(|error| here.refuse(error))
}
