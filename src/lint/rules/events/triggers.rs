//! What triggers do, and what a second delivery of the same event does.

use serde_json::Value;

use super::super::super::events::{resources, sensor::Trigger};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::Given;
use super::{all_triggers, error, of, warning};
use crate::step::hint;

/// The operations of the kinds of trigger that have some (argo-events `pkg/reconciler/sensor/validate.go`).
const OPERATIONS: [(&str, &[&str]); 2] = [
    ("k8s", &["create", "update", "patch", "delete"]),
    (
        "argoWorkflow",
        &["submit", "submit-from", "suspend", "resubmit", "retry", "resume", "terminate", "stop"],
    ),
];

/// The operations of parameters.
const ON_VALUES: [&str; 3] = ["append", "overwrite", "prepend"];

/// The units of a limit of the rate. Every other one counts as a second.
const UNITS: [&str; 3] = ["Second", "Minute", "Hour"];

/// Words that name no operation, or no unit.
pub(in super::super) fn operations<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for trigger in all_triggers(given) {
        let mut tell = |pointer: String, written: &Value, known: &[&'static str], help: &str| {
            let Some(word) = written.as_str().filter(|word| !word.is_empty() && !known.contains(word)) else {
                return;
            };
            let names = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let problem = format!("`{word}` is none of {names}{}", hint(word, known.iter().copied()));
            found.push(of(&trigger, error(trigger.object, pointer, At::Value, problem, help.to_owned())));
        };
        for (kind, pointer, value) in trigger.kinds() {
            if let Some((_, known)) = OPERATIONS.iter().find(|(name, _)| *name == kind) {
                tell(
                    format!("{pointer}/operation"),
                    &value["operation"],
                    known,
                    "its controller refuses the Sensor",
                );
            }
        }
        for (pointer, parameter) in trigger.parameters() {
            let help = "its controller refuses the Sensor";
            tell(format!("{pointer}/operation"), &parameter["operation"], &ON_VALUES, help);
        }
        let unit = &trigger.value["rateLimit"]["unit"];
        tell(
            format!("{}/rateLimit/unit", trigger.pointer),
            unit,
            &UNITS,
            "every other word counts as `Second`",
        );
    }
}

/// Triggers for which a second delivery of an event is not the same as one.
pub(in super::super) fn redelivery<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for trigger in all_triggers(given) {
        for (kind, pointer, value) in trigger.kinds() {
            let operation = value["operation"].as_str().unwrap_or_default();
            let wrong = match kind {
                "k8s" => made(&trigger, operation),
                "argoWorkflow" => submitted(operation),
                _ => None,
            };
            let Some((is_error, problem, help)) = wrong else { continue };
            let (pointer, make) = (format!("{pointer}/operation"), if is_error { error } else { warning });
            found.push(of(&trigger, make(trigger.object, pointer, At::Value, problem, help.to_owned())));
        }
    }
}

type Wrong = (bool, String, &'static str);

const IDEMPOTENT: &str = "write `operation: patch`, and a parameter that makes `metadata.name` of the service and the commit: a second delivery then changes nothing";

const NAMED: &str = "add a parameter that makes `metadata.name` of the service and the commit";

/// What is wrong with how an object is made.
fn made(trigger: &Trigger<'_>, operation: &str) -> Option<Wrong> {
    let (_, object) = resources::written(trigger)?;
    let text = |key: &str| object["metadata"][key].as_str().is_some_and(|name| !name.is_empty());
    let sets = |path: &str| trigger.resource_parameters().iter().any(|(_, one)| one["dest"] == path);
    let is_set = sets("metadata.name") || sets("metadata") || trigger.value["parameters"].is_array();
    let is_workflow = object["kind"] == "Workflow";
    match operation {
        "" | "create" if is_set => Some((
            false,
            "a second delivery of an event fails with AlreadyExists, and its retries hold back all other events".to_owned(),
            IDEMPOTENT,
        )),
        "" | "create" if text("name") => Some((
            true,
            "every event makes an object of the same name, so only the first one makes it".to_owned(),
            IDEMPOTENT,
        )),
        "" | "create" => {
            Some((false, "a second delivery of an event makes another object".to_owned(), IDEMPOTENT))
        }
        "update" | "patch" if is_set => None,
        "update" | "patch" if !text("name") => Some((
            true,
            format!("`{operation}` needs a `metadata.name`: `generateName` does not count"),
            NAMED,
        )),
        "update" | "patch" if is_workflow => Some((
            true,
            "every event names the same Workflow, so only the first one begins it".to_owned(),
            NAMED,
        )),
        _ => None,
    }
}

fn submitted(operation: &str) -> Option<Wrong> {
    let problem = match operation {
        "submit" | "resubmit" => {
            format!("a second delivery of an event makes `{operation}` begin another workflow")
        }
        "submit-from" => {
            "`submit-from` reports an error after it has begun the workflow, so each retry begins another one"
                .to_owned()
        }
        _ => return None,
    };
    Some((
        false,
        problem,
        "use the kind `k8s` with `operation: patch` and a `metadata.name` of the service and the commit",
    ))
}
