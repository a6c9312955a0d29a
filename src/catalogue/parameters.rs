//! The parameters of a template that the fields of a service become.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::Fields;
use super::problem::CatalogueProblem;

/// What an event sets. Of these, every template needs the first four.
pub(super) const EVENT: &[&str] =
    &["repo", "image", "revision", "git-ref", "image-tag", "before", "paths", "paths-ignore", "cache-export"];
pub(super) const NEEDED: usize = 4;

/// The parameters of the fields: the field, the key in it, the parameter.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("image", "", "image"),
    ("subdir", "", "subdir"),
    ("dockerfile", "", "dockerfile"),
    ("target", "", "target"),
    ("platforms", "", "platforms"),
    ("build-args", "", "build-args"),
    ("insecure", "", "insecure"),
    ("cache", "registry", "cache-registry"),
    ("cache", "name", "cache-name"),
    ("cache", "insecure", "cache-insecure"),
    ("cache", "when", "cache-when"),
    ("targets", "", "targets"),
    ("gitops", "repo", "gitops-repo"),
    ("gitops", "branch", "gitops-branch"),
    ("gitops", "secret", "gitops-secret"),
    ("git-secret", "", "git-secret"),
    ("registry-secret", "", "registry-secret"),
];

/// A parameter with the place of its value.
pub(super) struct Set {
    pub(super) value: String,
    pub(super) place: String,
}

/// The parameters that fields set, by name.
pub(super) fn parameters(
    document: &Value,
    fields: &Fields,
    problems: &mut Vec<CatalogueProblem>,
) -> BTreeMap<String, Set> {
    let mut set = BTreeMap::new();
    for (field, key, parameter) in PARAMETERS {
        let Some(value) = fields.value(field) else { continue };
        let (value, place) = match *key {
            "" => (Some(value), fields.place(field).to_owned()),
            key => (value.get(key), fields.place_in(document, field, key)),
        };
        if let Some(value) = value.and_then(text) {
            set.insert((*parameter).to_owned(), Set { value, place });
        }
    }
    let further = fields.value("parameters").and_then(Value::as_object);
    for (parameter, value) in further.into_iter().flatten() {
        let place = fields.place_in(document, "parameters", parameter);
        match (reserved(parameter), text(value)) {
            (Some(help), _) => {
                let problem = format!("`{parameter}` is no further parameter");
                problems.push(CatalogueProblem::at(&place, problem, &help).of_key());
            }
            (None, Some(value)) => drop(set.insert(parameter.clone(), Set { value, place })),
            (None, None) => {}
        }
    }
    set
}

/// What to write in place of a parameter that a field or the event sets.
fn reserved(parameter: &str) -> Option<String> {
    let field = PARAMETERS.iter().find(|(_, _, known)| *known == parameter);
    match field {
        Some((field, "", _)) => Some(format!("write the field `{field}` of the service")),
        Some((field, key, _)) => Some(format!("write `{key}` in the field `{field}` of the service")),
        None if matches!(parameter, "paths" | "paths-ignore") => {
            Some(format!("write the field `{parameter}` of the service"))
        }
        None if EVENT.contains(&parameter) => Some("the event sets it; leave it out".to_owned()),
        None => None,
    }
}

/// A value as the text of a parameter.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        // Platforms; targets are maps.
        Value::Array(items) if items.iter().all(Value::is_string) && !items.is_empty() => {
            Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
        }
        Value::Array(items) if items.is_empty() => Some(String::new()),
        Value::Object(map) if map.is_empty() => Some(String::new()),
        Value::Array(_) | Value::Object(_) => serde_json::to_string(&sorted(value)).ok(),
        Value::Null | Value::Number(_) => None,
    }
}

/// The value with the keys of its maps in order, whatever order `serde_json` was built to keep.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let pairs: BTreeMap<_, _> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
