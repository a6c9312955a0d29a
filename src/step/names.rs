//! Names that several fields share: Secrets and images.

use super::InvalidStep;
use super::form::{IMAGE_TABLE, SECRET_TABLE};
use super::node::Node;
use crate::oci::ImageRef;

/// The longest name of a Secret, and the longest of its keys, in characters (Kubernetes' DNS subdomain).
const LONGEST: usize = 253;

/// A Secret in the workflow's own namespace, with an optional key. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretRef {
    /// The Secret's name, a valid DNS subdomain.
    pub name: String,
    /// The key within it. When absent, the convention of the field (or the Secret's type) decides.
    pub key: Option<String>,
}

/// One key of a Secret in the workflow's own namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretKey {
    /// The Secret's name, a valid DNS subdomain.
    pub name: String,
    /// The key within it.
    pub key: String,
}

/// An image in a registry, and how to connect to the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryRef {
    /// The image.
    pub image: ImageRef,
    /// Whether the registry is accessed over plain http or with an unknown certificate.
    pub insecure: bool,
}

/// Reads a whole commit id, in lower case. `such` ends the error about anything else.
pub(super) fn commit(word: &str, such: &str) -> Result<String, String> {
    match matches!(word.len(), 40 | 64) && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => Ok(word.to_ascii_lowercase()),
        false => Err(format!("is not a commit's 40 hex digits, {such}")),
    }
}

impl SecretRef {
    /// Reads `{name, key}`, or the name alone as a string.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        if !is_map(&node) {
            return Ok(Self { name: node.checked(secret_name)?, key: None });
        }
        let mut fields = node.fields(SECRET_TABLE)?;
        let name = fields.required("name")?.checked(secret_name)?;
        let key = fields.optional("key").map(|key| key.checked(secret_key)).transpose()?;
        Ok(Self { name, key })
    }
}

impl SecretKey {
    /// Reads `{name, key}`; both are required.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        let missing = node.refuse("names no key of the Secret; write {name: …, key: …}");
        let SecretRef { name, key } = SecretRef::read(node)?;
        Ok(Self { name, key: key.ok_or(missing)? })
    }

    /// Reads `{name, key}`, or the name alone. The key is `default` if none is written.
    pub(super) fn with_default(node: Node<'_>, default: &str) -> Result<Self, InvalidStep> {
        let SecretRef { name, key } = SecretRef::read(node)?;
        Ok(Self { name, key: key.unwrap_or_else(|| default.to_owned()) })
    }
}

impl RegistryRef {
    /// Reads `{ref, insecure}`, or the reference alone as a string. Without a tag or a digest the tag is `latest`.
    pub(super) fn read(node: Node<'_>) -> Result<Self, InvalidStep> {
        Self::read_as_written(node).map(Self::tagged)
    }

    /// Reads the same. The image has a tag or a digest only if one is written.
    pub(super) fn read_as_written(node: Node<'_>) -> Result<Self, InvalidStep> {
        if !is_map(&node) {
            return Ok(Self { image: node.parsed()?, insecure: false });
        }
        let mut fields = node.fields(IMAGE_TABLE)?;
        let image = fields.required("ref")?.parsed()?;
        Ok(Self { image, insecure: fields.switch("insecure", false)? })
    }

    /// The same with the tag `latest`, if it has neither tag nor digest.
    pub(super) fn tagged(self) -> Self {
        Self { image: tagged(self.image), insecure: self.insecure }
    }
}

/// Whether the value is a map, or a string with a map as JSON. Any other value is the short form of the field.
pub(super) fn is_map(node: &Node<'_>) -> bool {
    match node.value().as_str() {
        Some(text) => text.trim_start().starts_with('{') && !text.trim_start().starts_with("{{"),
        None => node.value().is_object(),
    }
}

/// Reads an image reference after `prefix`. The tag is `latest` if there is neither tag nor digest.
pub(super) fn image(node: Node<'_>, prefix: &str) -> Result<ImageRef, InvalidStep> {
    node.checked(|word| {
        let word = word.strip_prefix(prefix).unwrap_or(word);
        let image: ImageRef = word.parse().map_err(|bad| format!("{bad}"))?;
        Ok(tagged(image))
    })
}

fn tagged(image: ImageRef) -> ImageRef {
    let is_bare = image.tag().is_none() && image.digest().is_none();
    let latest = is_bare.then(|| image.with_tag("latest")).flatten();
    latest.unwrap_or(image)
}

/// Checks an image reference for writing: it may not have a digest, because a digest cannot be chosen.
pub(super) fn writable(node: &Node<'_>, reference: RegistryRef) -> Result<RegistryRef, InvalidStep> {
    match reference.image.digest() {
        Some(_) => Err(node.refuse("has a digest, which follows from what is pushed; write a tag")),
        None => Ok(reference),
    }
}

/// Whether `name` is valid for a Kubernetes object (a DNS subdomain).
pub(super) fn is_object_name(name: &str) -> bool {
    let label = |part: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        let inside = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inside)
    };
    name.len() <= LONGEST && name.split('.').all(label)
}

/// Checks the name of an object that is no Secret.
pub(super) fn object_name(text: &str) -> Result<String, String> {
    match is_object_name(text) {
        true => Ok(text.to_owned()),
        false => Err("is no name of a Kubernetes object (lower-case letters, digits, `-` and `.`)".into()),
    }
}

/// Checks a Secret's name. The message does not repeat the value, which may be a secret in the wrong field.
fn secret_name(name: &str) -> Result<String, String> {
    if is_object_name(name) {
        return Ok(name.to_owned());
    }
    Err("is not the name of a Secret (lower-case letters, digits, `-` and `.`); write the name of a Secret in \
         the workflow's namespace, never the secret itself"
        .into())
}

fn secret_key(key: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if key.len() <= LONGEST && key.bytes().all(allowed) && !matches!(key, "." | "..") {
        return Ok(key.to_owned());
    }
    Err("is not the key of a Secret (letters, digits, `-`, `_` and `.`)".into())
}
