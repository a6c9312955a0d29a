//! The templates of a service, and the parameters that its fields become.

use std::collections::BTreeMap;

use serde_json::Value;

use super::problem::{CatalogueProblem, listed};
use super::service::{Build, Fields};
use super::template::{KnownTemplates, TemplateParameters};
use crate::step::hint;

/// The template of a service that names none, and that of its pull requests.
const DEFAULT: &str = "ci-cd-buildkit-deploy";
const PULL_REQUEST: &str = "build-push";

/// What an event sets. Of these, every template needs the first four.
const EVENT: &[&str] =
    &["repo", "image", "revision", "git-ref", "image-tag", "before", "paths", "paths-ignore", "cache-export"];
const NEEDED: usize = 4;

/// Which parameters make a template decide by itself whether a push touches the service.
const SELECTS: [&str; 3] = ["before", "paths", "paths-ignore"];

/// Whether a parameter is kept out of pull requests: a tag that moves.
const NOT_OF_PULL_REQUESTS: &[&str] = &["extra-tags"];

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
    ("targets", "", "targets"),
    ("gitops", "repo", "gitops-repo"),
    ("gitops", "branch", "gitops-branch"),
    ("gitops", "secret", "gitops-secret"),
    ("git-secret", "", "git-secret"),
    ("registry-secret", "", "registry-secret"),
];

/// The place of the defaults.
const DEFAULTS: &str = "/defaults/";

/// What is found of a service.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) build: Build,
    pub(super) pull_request: Option<Build>,
    pub(super) problems: Vec<CatalogueProblem>,
    /// Values of the defaults that the template has no parameter for. They are a mistake if no service takes them.
    pub(super) left: Vec<CatalogueProblem>,
}

/// A parameter with the place of its value.
struct Set {
    value: String,
    place: String,
}

/// The builds of a service.
pub(super) fn of(document: &Value, fields: &Fields, templates: &KnownTemplates) -> Found {
    let (mut problems, mut left) = (Vec::new(), Vec::new());
    let mut set = parameters(document, fields, &mut problems);
    let name = fields.text("template").unwrap_or(DEFAULT);
    let known = find(templates, name, fields.place("template"), &mut problems);
    if let Some(known) = known {
        set.retain(|parameter, set| {
            let is_left = set.place.starts_with(DEFAULTS) && !known.contains_key(parameter);
            let to = if is_left { &mut left } else { &mut problems };
            to.extend(refused(name, known, parameter, set));
            !is_left
        });
        let tags = fields.value("tags").and_then(Value::as_array).is_some_and(|tags| !tags.is_empty());
        let needed = EVENT.iter().take(NEEDED).copied().chain(tags.then_some("image-tag"));
        problems.extend(lacks(name, known, needed, fields.place("template")));
        problems.extend(unset(name, known, &set, fields.place("template")));
    }
    let pull_request = pull_request(fields, templates, &set, &mut problems);
    let parameters = set.into_iter().map(|(name, set)| (name, set.value)).collect();
    let selects = known.is_some_and(|known| SELECTS.iter().all(|name| known.contains_key(*name)));
    Found { build: Build { template: name.to_owned(), parameters, selects }, pull_request, problems, left }
}

/// The parameters that fields set, by name.
fn parameters(
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

fn find<'a>(
    templates: &'a KnownTemplates,
    name: &str,
    place: &str,
    problems: &mut Vec<CatalogueProblem>,
) -> Option<&'a TemplateParameters> {
    let found = templates.find(name);
    if found.is_none() {
        let problem = format!("there is no template `{name}`{}", hint(name, templates.names()));
        let help = format!("known: {}; `--templates DIR` names your own", listed(templates.names()));
        problems.push(CatalogueProblem::at(place, problem, &help));
    }
    found
}

/// A parameter that the template lacks, or with a value that it does not take.
fn refused(
    template: &str,
    known: &TemplateParameters,
    parameter: &str,
    set: &Set,
) -> Option<CatalogueProblem> {
    let Some(declared) = known.get(parameter) else {
        let near = hint(parameter, known.keys().map(String::as_str));
        let problem = format!("the template `{template}` has no parameter `{parameter}`{near}");
        let help = "leave it out, declare it in the template, or name another template";
        return Some(CatalogueProblem::at(&set.place, problem, help).of_key());
    };
    if declared.allowed.is_empty() || declared.allowed.contains(&set.value) {
        return None;
    }
    let problem = format!("the template `{template}` does not take `{}` for `{parameter}`", set.value);
    let help = format!("write one of {}", listed(declared.allowed.iter().map(String::as_str)));
    Some(CatalogueProblem::at(&set.place, problem, &help))
}

/// What the template must have for every service, and has not.
fn lacks<'a>(
    template: &str,
    known: &TemplateParameters,
    needed: impl Iterator<Item = &'a str>,
    place: &str,
) -> Option<CatalogueProblem> {
    let missing: Vec<_> = needed.filter(|name| !known.contains_key(*name)).collect();
    if missing.is_empty() {
        return None;
    }
    let problem = format!("the template `{template}` lacks {}, which an event sets", listed(missing));
    Some(CatalogueProblem::at(place, problem, "declare it under `spec.arguments.parameters` of the template"))
}

/// Parameters without a value that nothing sets.
fn unset(
    template: &str,
    known: &TemplateParameters,
    set: &BTreeMap<String, Set>,
    place: &str,
) -> Option<CatalogueProblem> {
    let is_unset = |(name, declared): &(&String, &super::template::TemplateParameter)| {
        declared.value.is_none() && !set.contains_key(*name) && !EVENT.contains(&name.as_str())
    };
    let missing: Vec<_> = known.iter().filter(is_unset).map(|(name, _)| name.as_str()).collect();
    if missing.is_empty() {
        return None;
    }
    let problem = format!("the template `{template}` needs a value for {}", listed(missing));
    Some(CatalogueProblem::at(place, problem, "write it under `parameters`"))
}

/// The builds of pull requests: those of branches, without what moves a tag, writes a cache or deploys.
fn pull_request(
    fields: &Fields,
    templates: &KnownTemplates,
    set: &BTreeMap<String, Set>,
    problems: &mut Vec<CatalogueProblem>,
) -> Option<Build> {
    let wanted = fields.value("pull-requests")?;
    let name = match wanted {
        Value::Bool(true) => PULL_REQUEST,
        other => other["template"].as_str()?,
    };
    let place = fields.place("pull-requests");
    let known = find(templates, name, place, problems)?;
    problems.extend(lacks(name, known, EVENT.iter().take(NEEDED + 1).copied(), place));
    problems.extend(unset(name, known, set, place));
    let taken = set
        .iter()
        .filter(|(name, _)| known.contains_key(*name) && !NOT_OF_PULL_REQUESTS.contains(&name.as_str()));
    let mut parameters: BTreeMap<_, _> = taken.map(|(name, set)| (name.clone(), set.value.clone())).collect();
    if known.contains_key("cache-export") {
        parameters.insert("cache-export".to_owned(), "false".to_owned());
    }
    let selects = SELECTS.iter().all(|name| known.contains_key(*name));
    Some(Build { template: name.to_owned(), parameters, selects })
}
