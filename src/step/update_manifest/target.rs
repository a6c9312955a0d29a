//! One file of a GitOps repository, and what to change in it.

use super::Target;
use crate::manifest::{Edit, KustomizeField, Path};
use crate::oci::ImageRef;
use crate::step::node::Node;
use crate::step::{InvalidStep, files};

/// A stand-in that completes a tag, a digest or a name to an image reference, so that one grammar checks all.
const SOME_IMAGE: &str = "registry.example/image";

/// A list of `{file, helm}` and `{file, kustomize}`, at least one.
pub(super) fn read(node: Node<'_>) -> Result<Vec<Target>, InvalidStep> {
    let empty = node.refuse("is empty; name at least one file and what to change in it");
    let targets = node.list()?.into_iter().map(target).collect::<Result<Vec<_>, _>>()?;
    if targets.is_empty() { Err(empty) } else { Ok(targets) }
}

fn target(node: Node<'_>) -> Result<Target, InvalidStep> {
    let here = node.clone();
    let mut fields = node.fields(&["file", "helm", "kustomize"])?;
    let file = fields.required("file")?.checked(files::file)?;
    let edits = match (fields.optional("helm"), fields.optional("kustomize")) {
        (Some(values), None) => helm(values)?,
        (None, Some(image)) => kustomize(image)?,
        (Some(_), Some(_)) => return Err(here.refuse("has both `helm` and `kustomize`; write two targets")),
        (None, None) => return Err(here.refuse("says nothing to change; add `helm` or `kustomize`")),
    };
    Ok(Target { file, edits })
}

/// A map of dotted paths to their new values; an empty one is a parameter that was forgotten.
fn helm(node: Node<'_>) -> Result<Vec<Edit>, InvalidStep> {
    let empty = node.refuse("is empty; write at least one path and its value");
    let edit = |(path, node): (String, Node<'_>)| {
        let path: Path = path.parse().map_err(|bad| node.refuse(bad))?;
        if node.value().is_object() {
            return Err(
                node.refuse("expected a string, got a map; write nested keys as one path, like `image.tag`")
            );
        }
        Ok(Edit::Helm { path, value: node.word()? })
    };
    let edits = node.map()?.into_iter().map(edit).collect::<Result<Vec<_>, _>>()?;
    if edits.is_empty() { Err(empty) } else { Ok(edits) }
}

/// `{name, newName?, newTag?, digest?}`, as in a kustomization's `images`.
fn kustomize(node: Node<'_>) -> Result<Vec<Edit>, InvalidStep> {
    let empty = node.refuse("changes nothing; add `newTag`, `newName` or `digest`");
    let mut fields = node.fields(&["name", "newName", "newTag", "digest"])?;
    let image = fields.required("name")?.word()?;
    let mut edits = Vec::new();
    for &field in FIELDS {
        let Some(node) = fields.optional(field.key()) else { continue };
        let value = node.checked(|value| check(field, value))?;
        edits.push(Edit::Kustomize { image: image.clone(), field, value });
    }
    if edits.is_empty() { Err(empty) } else { Ok(edits) }
}

/// In the order in which they are changed.
const FIELDS: &[KustomizeField] = &[KustomizeField::NewName, KustomizeField::NewTag, KustomizeField::Digest];

fn check(field: KustomizeField, value: &str) -> Result<String, String> {
    let (whole, what) = match field {
        KustomizeField::NewName => (value.to_owned(), "the name of an image without tag and digest"),
        KustomizeField::NewTag => (format!("{SOME_IMAGE}:{value}"), "a tag"),
        KustomizeField::Digest => (format!("{SOME_IMAGE}@{value}"), "a digest, sha256:…"),
    };
    let image: ImageRef = whole.parse().map_err(|_| format!("is not {what}"))?;
    let fits = match field {
        KustomizeField::NewName => image.tag().is_none() && image.digest().is_none(),
        KustomizeField::NewTag => image.tag() == Some(value),
        KustomizeField::Digest => image.digest() == Some(value),
    };
    if fits { Ok(value.to_owned()) } else { Err(format!("is not {what}")) }
}
