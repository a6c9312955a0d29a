//! The filters of the Sensor `push` over recorded hooks.

use regex_lite::Regex;
use serde_json::{Value, json};

use super::{kustomization, list, text};
use crate::deploy::object;
use crate::support::hooks::{Hook, hooks};

/// The one template of a filter: whether a pull request is of a fork. Evaluated here by hand.
const FORK: &str = "{{ $pr := fromJson .Input }}{{ if and $pr.head.repo (eq $pr.head.repo.full_name $pr.base.repo.full_name) }}same{{ else }}fork{{ end }}";

#[test]
fn every_recorded_hook_starts_its_trigger_and_no_other() {
    let objects = kustomization("sensors");
    let spec = &object(&objects, "Sensor", "push")["spec"];
    for hook in hooks() {
        let event = event(&hook);
        let started: Vec<_> = list(&spec["dependencies"])
            .iter()
            .filter(|dependency| passes(&dependency["filters"]["data"], &event))
            .map(|dependency| text(&dependency["name"]))
            .collect();
        assert_eq!(started, hook.trigger.iter().map(String::as_str).collect::<Vec<_>>(), "{}", hook.name);
    }
}

#[test]
fn no_filter_meets_a_field_that_its_kind_of_event_lacks() {
    // A missing field would be a warning in the Sensor's log, with the whole event, for every event of another kind.
    let objects = kustomization("sensors");
    for dependency in list(&object(&objects, "Sensor", "push")["spec"]["dependencies"]) {
        for hook in hooks() {
            let event = event(&hook);
            for filter in list(&dependency["filters"]["data"]) {
                let path = text(&filter["path"]);
                assert!(found(&event, path).is_some(), "{}: {path} of {}", dependency["name"], hook.name);
                if !matches(filter, &event) {
                    break;
                }
            }
        }
    }
}

/// The data of the event that an EventSource of the kind `github` makes of a hook: it adds its own headers to the body.
fn event(hook: &Hook) -> Value {
    let mut body = hook.body.clone();
    for (name, value) in &hook.headers {
        if name.starts_with("X-GitHub-") {
            body[name] = json!(value);
        }
    }
    json!({ "body": body })
}

/// Whether all filters let an event pass, as pkg/sensors/dependencies/filter.go of Argo Events v1.9.11 does.
fn passes(filters: &Value, event: &Value) -> bool {
    list(filters).iter().all(|filter| matches(filter, event))
}

fn matches(filter: &Value, event: &Value) -> bool {
    assert_eq!(filter["type"], "string", "{filter}");
    let Some(found) = found(event, text(&filter["path"])) else { return false };
    let found = match filter["template"].as_str() {
        Some(template) => {
            assert_eq!(template, FORK);
            let name = |side: &str| found[side]["repo"]["full_name"].as_str();
            if name("head") == name("base") { "same".to_owned() } else { "fork".to_owned() }
        }
        None => found.as_str().map_or_else(|| found.to_string(), str::to_owned),
    };
    let unequal = filter["comparator"] == "!=";
    list(&filter["value"]).iter().any(|value| Regex::new(text(value)).unwrap().is_match(&found) != unequal)
}

/// What `path` leads to, if it is there; null counts as there.
fn found<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(event, |value, key| value.get(key))
}
