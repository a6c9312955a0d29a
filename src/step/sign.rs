//! `sign`: signs an image with a key, in the forms of cosign.

use std::collections::BTreeMap;

use super::build::registry_secret;
use super::form::ValueForm::{Bool, Map, Pairs, Text};
use super::form::{FieldRule, IMAGE, SECRET, optional};
use super::limits::{too_long, too_many};
use super::node::Node;
use super::spec::{Output, Spec, sample};
use super::{FieldTable, InvalidStep, Mention, MentionKind, RegistryRef, SecretKey, ValueForm};

pub(super) const SPEC: Spec = Spec { name: "sign", form: Map(SIGN), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
const SIGN: &FieldTable = &FieldTable {
    fields: &[
        optional("enabled", Bool),
        optional("image", IMAGE),
        optional("key", SECRET),
        optional("passphrase", SECRET),
        optional("annotations", ANNOTATIONS),
        optional("children", Bool),
        optional("registry-secret", SECRET),
    ],
    rules: &[FieldRule::UnlessOff("image", "enabled"), FieldRule::UnlessOff("key", "enabled")],
};

/// The annotations of a signature.
pub(super) const ANNOTATIONS: ValueForm = Pairs(0, &Text);

/// `signed-digests` is a JSON list of the digests that have signatures now; `signatures-added` counts what was not there before.
const OUTPUTS: &[Output] = &[
    Output::ours("signed", sample::IMAGE),
    Output::ours("signed-digests", "[]"),
    Output::ours("signatures-added", "2"),
    Output::ours("key-id", sample::DIGEST),
    Output::text("verify-command"),
];

/// The key of the Secret that `cosign generate-key-pair k8s://…` makes, with the private key.
pub const COSIGN_KEY: &str = "cosign.key";
/// The key of that Secret with the passphrase.
pub const COSIGN_PASSWORD: &str = "cosign.password";

/// The most annotations, and the most bytes of a name and of a value.
const MOST: usize = 50;
const NAME: usize = 128;
const VALUE: usize = 1024;

/// A valid `sign` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// What is signed, and with what; `None` if the step is off, and does nothing.
    pub target: Option<SignTarget>,
    /// What the signature states besides the digest.
    pub annotations: BTreeMap<String, String>,
    /// Whether the image's platforms and attestations are signed too.
    pub children: bool,
    /// A docker config with the login of the registry.
    pub registry_secret: Option<SecretKey>,
}

/// An image, and the key that signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignTarget {
    /// The image. A tag is resolved when the step begins.
    pub image: RegistryRef,
    /// The key.
    pub key: ImageKey,
}

/// A private key, and its passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageKey {
    /// The key, as PEM.
    pub key: SecretKey,
    /// The passphrase; by default [`COSIGN_PASSWORD`] of the key's Secret, if it has that.
    pub passphrase: Option<SecretKey>,
}

/// Reads the value under `sign`.
pub(super) fn read(node: Node<'_>) -> Result<Sign, InvalidStep> {
    let mut fields = node.fields(SIGN)?;
    let enabled = fields.switch("enabled", true)?;
    let image = fields.unless_off("image", enabled, RegistryRef::read)?;
    let key = fields.unless_off("key", enabled, |node| SecretKey::with_default(node, COSIGN_KEY))?;
    let passphrase = fields
        .optional("passphrase")
        .map(|node| SecretKey::with_default(node, COSIGN_PASSWORD))
        .transpose()?;
    let target = image.zip(key).map(|(image, key)| SignTarget { image, key: ImageKey { key, passphrase } });
    Ok(Sign {
        target: target.filter(|_| enabled),
        annotations: fields.or_default("annotations", annotations)?,
        children: fields.switch("children", true)?,
        registry_secret: fields.optional("registry-secret").map(registry_secret).transpose()?,
    })
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(sign: &Sign) -> Vec<Mention> {
    let Sign {
        // Its key is a Secret, as below.
        target,
        // Text in the signature.
        annotations: _,
        children: _,
        // Secrets of the workflow's own namespace, read with the rights of its account.
        registry_secret: _,
    } = sign;
    let images = target.iter().map(|target| target.image.image.name());
    images.map(|image| Mention::new(MentionKind::Push, "sign.image", image)).collect()
}

/// Reads the annotations of a signature.
pub(super) fn annotations(node: Node<'_>) -> Result<BTreeMap<String, String>, InvalidStep> {
    let map = node.clone().map()?;
    if map.len() > MOST {
        return Err(node.refuse(too_many(map.len(), "annotations", MOST)));
    }
    let mut annotations = BTreeMap::new();
    for (name, value) in map {
        // A verifier is told `NAME=VALUE`, and takes what is before the first `=` for the name.
        if !(1..=NAME).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_graphic() && b != b'=') {
            return Err(value.refuse(format!(
                "is no name of an annotation: 1 to {NAME} printable ASCII characters without spaces and `=`"
            )));
        }
        let here = value.clone();
        let text = value.text()?;
        if text.len() > VALUE {
            return Err(here.refuse(too_long(text.len(), VALUE)));
        }
        annotations.insert(name, text);
    }
    Ok(annotations)
}
