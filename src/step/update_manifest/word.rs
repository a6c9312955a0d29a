//! Images, parts of them and names, as they are written in targets.

use std::str::FromStr;

use crate::manifest::KustomizeField;
use crate::oci::ImageRef;

/// A sample reference that completes a tag, a digest or a name, so that one grammar checks all of them.
const SOME_IMAGE: &str = "registry.example/image";

/// Checks the name of an image, without tag and digest.
pub(super) fn image_name(word: &str) -> Result<String, String> {
    match word.parse::<ImageRef>() {
        Ok(image) if image.tag().is_none() && image.digest().is_none() => Ok(word.to_owned()),
        _ => Err("is not the name of an image without tag and digest".into()),
    }
}

/// Checks a kind or a name of an object. It may not contain a slash.
pub(super) fn kubernetes_name(word: &str) -> Result<String, String> {
    let odd = |c: char| c.is_whitespace() || matches!(c, '/' | '=');
    match word.contains(odd) {
        true => Err("is not a kind or a name of an object".into()),
        false => Ok(word.to_owned()),
    }
}

/// Checks `name[:tag][@digest]`, or `:tag`, `@digest` and `:tag@digest`, which keep the name.
pub(super) fn image(word: &str) -> Result<String, String> {
    // `:tag@` removes the digest.
    let given = word.strip_suffix('@').filter(|rest| rest.contains(':')).unwrap_or(word);
    let whole = if word.starts_with([':', '@']) { format!("{SOME_IMAGE}{given}") } else { given.to_owned() };
    match ImageRef::from_str(&whole) {
        Ok(image) if image.tag().is_none() && image.digest().is_none() => {
            Err("names no tag and no digest; add one, such as `:1.4.0`".into())
        }
        Ok(_) => Ok(word.to_owned()),
        Err(bad) => Err(bad.to_string()),
    }
}

pub(super) fn image_part(what: &str, prefix: char, value: &str) -> Result<String, String> {
    let part = format!("{prefix}{value}");
    // `TAG@` also removes the digest.
    let (value, given) = match value.strip_suffix('@') {
        Some(tag) if prefix == ':' => (tag, part.trim_end_matches('@')),
        _ => (value, part.as_str()),
    };
    let image: ImageRef = format!("{SOME_IMAGE}{given}").parse().map_err(|_| format!("is not {what}"))?;
    match prefix {
        ':' if image.tag() == Some(value) => Ok(part),
        '@' if image.digest() == Some(value) => Ok(part),
        _ => Err(format!("is not {what}")),
    }
}

pub(super) fn kustomize_value(field: KustomizeField, value: &str) -> Result<String, String> {
    match field {
        KustomizeField::NewTag => image_part("a tag", ':', value).map(|_| value.to_owned()),
        KustomizeField::Digest => image_part("a digest, sha256:…", '@', value).map(|_| value.to_owned()),
        KustomizeField::NewName => match value.parse::<ImageRef>() {
            Ok(image) if image.tag().is_none() && image.digest().is_none() => Ok(value.to_owned()),
            _ => Err("is not the name of an image without tag and digest".into()),
        },
    }
}
