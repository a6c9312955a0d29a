//! What the parser of steps says of a service: what a catalogue takes, the plugin takes.

use serde_json::{Value, json};

use super::fields::Fields;
use super::plain::no_expression;
use super::problem::CatalogueProblem;
use super::types::Service;
use crate::manifest::documents::child;
use crate::step::{self, child_path};

/// A build whose outputs targets may refer to.
fn sample_build() -> Value {
    json!({"context": "https://git.example.com/sample/sample.git", "tags": ["registry.example.com/sample:1"]})
}

/// What is wrong with a list of targets.
pub(super) fn problems(value: &Value, pointer: &str) -> Vec<CatalogueProblem> {
    if !value.is_array() {
        let problem = "expected a list of targets, as `update-manifest` has them".to_owned();
        return vec![CatalogueProblem::at(pointer, problem, "write `- file: …` under it")];
    }
    let mut found = Vec::new();
    expressions(value, pointer, &mut found);
    if found.is_empty() {
        let update = json!({"repo": "https://git.example.com/sample/sample.git", "targets": value});
        let body = json!({"steps": [{"build": sample_build()}, {"update-manifest": update}]});
        found.extend(judged(&body).map(|(place, problem, help)| {
            let at = place.strip_prefix("/steps/1/update-manifest/targets").unwrap_or_default();
            CatalogueProblem::at(&format!("{pointer}{at}"), problem, &help)
        }));
    }
    found
}

/// Texts with an expression of Argo, anywhere in a value.
fn expressions(value: &Value, pointer: &str, found: &mut Vec<CatalogueProblem>) {
    match value {
        Value::String(text) => found.extend(refused(text, pointer)),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(n, item)| expressions(item, &format!("{pointer}/{n}"), found));
        }
        Value::Object(map) => {
            for (key, value) in map {
                let pointer = child(pointer, key);
                found.extend(refused(key, &pointer).map(CatalogueProblem::of_key));
                expressions(value, &pointer, found);
            }
        }
        _ => {}
    }
}

fn refused(text: &str, pointer: &str) -> Option<CatalogueProblem> {
    let wrong = no_expression(text).err()?;
    Some(CatalogueProblem::said(pointer, &wrong))
}

/// The place, the problem and the help of the first mistake in a step.
fn judged(body: &Value) -> Option<(String, String, String)> {
    let wrong = step::parse(body).err()?;
    let (problem, help) = wrong.problem.split_once("; ").unwrap_or((&wrong.problem, ""));
    let place = place(body, ("", ""), &wrong.field);
    Some((place, problem.to_owned(), help.to_owned()))
}

/// The JSON pointer of the value with the parser's path `wanted`, or of the nearest one around it.
fn place(value: &Value, (path, pointer): (&str, &str), wanted: &str) -> String {
    let leads = |path: &str| {
        wanted.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
    };
    match value {
        Value::Array(items) => {
            let items = items.iter().enumerate();
            let mut items = items.map(|(n, item)| (item, format!("{path}[{n}]"), format!("{pointer}/{n}")));
            items.find(|(_, path, _)| leads(path)).map(|(item, path, at)| place(item, (&path, &at), wanted))
        }
        Value::Object(map) => {
            let mut items = map.iter().map(|(key, item)| (item, child_path(path, key), child(pointer, key)));
            items.find(|(_, path, _)| leads(path)).map(|(item, path, at)| place(item, (&path, &at), wanted))
        }
        _ => None,
    }
    .unwrap_or_else(|| pointer.to_owned())
}

/// Places in the step of a service, each with the field of the catalogue.
const PLACES: &[(&str, &str)] = &[
    ("/steps/0/build/context/secret", "git-secret"),
    ("/steps/0/build/context/subdir", "subdir"),
    ("/steps/0/build/context", "repo"),
    ("/steps/0/build/dockerfile", "dockerfile"),
    ("/steps/0/build/target", "target"),
    ("/steps/0/build/platforms", "platforms"),
    ("/steps/0/build/build-args", "build-args"),
    ("/steps/0/build/registry-secret", "registry-secret"),
    ("/steps/0/build/cache", "cache"),
    ("/steps/0/build", "image"),
    ("/steps/1/update-manifest/secret", "gitops"),
    ("/steps/1/update-manifest/branch", "gitops"),
    ("/steps/1/update-manifest", "gitops"),
];

/// What the parser of steps refuses of a service whose fields are right, each for itself.
pub(super) fn of_service(document: &Value, fields: &Fields, service: &Service) -> Option<CatalogueProblem> {
    let body = body(fields, service);
    let (at, problem, help) = judged(&body)?;
    let (prefix, field) = PLACES.iter().find(|(prefix, _)| at.starts_with(prefix))?;
    let field_place = fields.place(field);
    let exact = format!("{field_place}{}", &at[prefix.len()..]);
    let place = if document.pointer(&exact).is_some() { exact } else { field_place.to_owned() };
    Some(CatalogueProblem::at(&place, problem, &help))
}

/// The step that builds and deploys a service.
fn body(fields: &Fields, service: &Service) -> Value {
    let value = |key: &str| fields.value(key).cloned().unwrap_or(Value::Null);
    let cache = &value("cache");
    let cache = cache["registry"].as_str().filter(|registry| !registry.is_empty()).map(|registry| {
        let name = cache["name"].as_str().filter(|name| !name.is_empty());
        let image = format!("{registry}/{}", name.unwrap_or_else(|| cache_name(&service.image)));
        let to = (cache["when"] == "branch").then(|| json!({"ref": image, "when": "branch"}));
        json!({"from": [image], "to": to})
    });
    let build = json!({
        "context": {"repo": value("repo"), "subdir": value("subdir"), "secret": service.git_secret},
        "dockerfile": value("dockerfile"),
        "target": value("target"),
        "platforms": value("platforms"),
        "build-args": value("build-args"),
        "tags": [format!("{}:1", service.image)],
        "registry-secret": service.registry_secret,
        "cache": cache,
    });
    let gitops = value("gitops");
    let has_repo = gitops["repo"].is_string();
    let secret = if has_repo { gitops["secret"].clone() } else { Value::Null };
    let update = json!({
        "repo": if has_repo { gitops["repo"].clone() } else { json!("https://git.example.com/sample/sample.git") },
        "branch": gitops["branch"],
        "secret": if secret.is_null() { json!("git-write-back") } else { secret },
        "targets": [{"file": "sample.yaml", "helm": {"image.tag": "sample"}}],
    });
    json!({"steps": [{"build": build}, {"update-manifest": update}]})
}

/// How the templates name the cache of an image: by its repository.
fn cache_name(image: &str) -> &str {
    let host = image.split_once('/').filter(|(host, _)| host.contains(['.', ':']));
    host.map_or(image, |(_, repository)| repository)
}
