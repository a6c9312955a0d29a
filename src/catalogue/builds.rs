//! The templates of a service, and what they have to say about its parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::Fields;
use super::parameters::{EVENT, NEEDED, Set, parameters};
use super::problem::{CatalogueProblem, listed};
use super::template::{KnownTemplates, TemplateParameters};
use super::types::Build;
use crate::step::hint;

/// The template of a service that names none, and that of its pull requests.
const DEFAULT: &str = "ci-cd-buildkit-deploy";
const PULL_REQUEST: &str = "build-push";

/// Which parameters make a template decide by itself whether a push touches the service.
const SELECTS: [&str; 3] = ["before", "paths", "paths-ignore"];

/// The parameters that say which images a service's Dockerfile reads.
pub const DOCKERFILE: [&str; 5] = ["subdir", "dockerfile", "target", "platforms", "build-args"];

/// The parameters that Workflows of pull requests do not get: tags of the image that move, and a key, since nobody has reviewed
/// what it would sign.
const NOT_OF_PULL_REQUESTS: &[&str] = &["extra-tags", "sign-key"];

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
    // With `branch`, a build of `refs/pull/…` exports nothing, and reads the default branch's cache: without `cache.to` it would not.
    let is_by_branch = parameters.get("cache-when").is_some_and(|when| when == "branch");
    if known.contains_key("cache-export") && !is_by_branch {
        parameters.insert("cache-export".to_owned(), "false".to_owned());
    }
    let selects = SELECTS.iter().all(|name| known.contains_key(*name));
    Some(Build { template: name.to_owned(), parameters, selects })
}
