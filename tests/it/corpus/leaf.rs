//! The values that an edit may write into the data.

use serde_json::Value;

/// The keys in which charts keep parts of an image.
const IMAGE: &[&str] = &[
    "registry",
    "hub",
    "repository",
    "image",
    "name",
    "tag",
    "imageTag",
    "version",
    "digest",
    "sha",
    "newName",
    "newTag",
];

/// Whether the edit `target = value` may write `leaf`: the value itself, or a part of an image.
pub(crate) fn is_of(target: &str, value: &str, leaf: &Value) -> bool {
    let kind = target.split(':').next().unwrap_or_default();
    let is_part = target.contains("~\"") || target.contains('|');
    match (kind, leaf) {
        (_, Value::String(text)) if is_part && text.contains(value.trim_start_matches(':')) => true,
        // The text of `values`, where no reader looks into it.
        ("values", Value::String(text)) if text.contains(&format!(": {value}")) => true,
        // A block scalar keeps the line breaks at its end.
        (kind, Value::String(text)) if text.ends_with('\n') => {
            is_of(&format!("{kind}:"), value, &Value::String(text.trim_end_matches('\n').to_owned()))
        }
        ("image" | "container" | "setter", Value::String(text)) => is_image(value, text),
        ("parameter", Value::String(text)) => text == value || target.ends_with(&format!(":{text}")),
        ("kustomize", Value::String(text)) => text == value || is_entry(value, text),
        (_, Value::String(text)) => text == value,
        ("object" | "helm" | "values", Value::Number(number)) => number.to_string() == value,
        ("object" | "helm" | "values", Value::Bool(bool)) => bool.to_string() == value.to_ascii_lowercase(),
        _ => false,
    }
}

/// The keys that may hold `target`'s leaf; any key if a comment marks it.
pub(crate) fn is_at(target: &str, place: &str) -> bool {
    // A pattern names a part of its text, and `[+]` an item of its list.
    if let Some((text, _)) = target.split_once("~\"") {
        return is_at(&format!("helm:{text}"), place);
    }
    if let Some(list) = target.strip_suffix("[+]") {
        return place.rsplit_once('/').is_some_and(|(place, _)| is_at(&format!("helm:{list}"), place));
    }
    if target.split_once('|').is_some_and(|(text, _)| is_at(&format!("helm:{text}"), place)) {
        return true;
    }
    let step = place.rsplit('/').next().unwrap_or_default();
    let last = |target: &str| target.trim_end_matches([']', '"']).ends_with(step);
    match target.split(':').next().unwrap_or_default() {
        "image" => IMAGE.contains(&step) || step.ends_with("Tag") || last(target),
        // In Argo CD it is one string. A digest may be in the tag.
        "kustomize" => last(target) || place.contains("/images/"),
        "container" => step == "image",
        "parameter" => step == "name" || step == "value",
        "setter" => true,
        "values" => last(target) || step == "values",
        _ => last(target),
    }
}

/// `OLD=NAME:TAG@DIGEST`, or a tag with its digest, after one part was set.
fn is_entry(value: &str, text: &str) -> bool {
    let part = |sign: &str| text.contains(&format!("{sign}{value}"));
    match value {
        "" => !text.contains('@'),
        _ => part("=") || part(":") || part("@") || text.starts_with(&format!("{value}@")),
    }
}

/// A single string keeps at most its name. A part of a mapping is in the reference.
fn is_image(value: &str, text: &str) -> bool {
    // An empty digest removes the digest.
    let (value, is_removal) = value.strip_suffix('@').map_or((value, false), |value| (value, true));
    let part = |sign: &str| value.contains(&format!("{sign}{text}"));
    (is_removal || !text.is_empty())
        && (text.ends_with(value) || value.starts_with(text) || part(":") || part("@") || part("/"))
}
