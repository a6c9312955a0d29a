//! Fields that Argo Events does not have, or reads differently, or misses.

use serde_json::Value;

use super::super::super::events::fields::{FieldMistakeKind, judge};
use super::super::super::events::{sensor, source};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::{ArgoObject, Given};
use super::{all_triggers, error, of};

/// Fields that do not exist.
pub(in super::super) fn unknown<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    tell(given, FieldMistakeKind::Unknown, found);
}

/// Fields of another type.
pub(in super::super) fn wrong_types<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    tell(given, FieldMistakeKind::Type, found);
}

/// Fields that have to be there.
pub(in super::super) fn missing<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    tell(given, FieldMistakeKind::Missing, found);
    for trigger in all_triggers(given) {
        let kinds: Vec<_> = trigger.kinds().iter().map(|(kind, ..)| format!("`{kind}`")).collect();
        if kinds.len() != 1 && trigger.value["template"].is_object() {
            let pointer = format!("{}/template", trigger.pointer);
            let (problem, help) = match kinds.len() {
                0 => (
                    "the trigger does nothing".to_owned(),
                    "write what it does, such as `k8s` or `log`".to_owned(),
                ),
                _ => (
                    format!("the trigger does several things: {}", kinds.join(", ")),
                    "Argo Events does only one of them; write a trigger for each".to_owned(),
                ),
            };
            found.push(of(&trigger, error(trigger.object, pointer, At::Key, problem, help)));
        }
    }
    for object in &given.events {
        let wrong = match object.kind {
            "EventSource" => sources(object),
            "EventBus" => bus(object),
            _ => twice(object),
        };
        found.extend(
            wrong
                .into_iter()
                .map(|(pointer, problem, help)| error(object, pointer, At::Key, problem, help.to_owned())),
        );
    }
}

fn tell<'a>(given: &'a Given<'a>, kind: FieldMistakeKind, found: &mut Vec<RuleMatch<'a>>) {
    for object in &given.events {
        for wrong in
            judge(object.kind, object.whole, &object.root).into_iter().filter(|wrong| wrong.kind == kind)
        {
            let at = if kind == FieldMistakeKind::Type { At::Value } else { At::Key };
            found.push(error(object, wrong.pointer, at, wrong.problem, wrong.help));
        }
    }
}

type Wrong = (String, String, &'static str);

/// Whether a list or a text is written.
fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null)
        && value.as_str() != Some("")
        && value.as_array().is_none_or(|items| !items.is_empty())
}

fn sources(object: &ArgoObject<'_>) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let events = source::events(object);
    if events.is_empty() {
        let help = "write one, such as `github` or `webhook`";
        wrong.push((object.spec_pointer.clone(), "the EventSource has no event".to_owned(), help));
    }
    for (n, event) in events.iter().enumerate() {
        if events[..n].iter().any(|other| other.name == event.name) {
            let problem = format!("there are two events `{}`", event.name);
            wrong.push((
                event.pointer.clone(),
                problem,
                "its controller refuses the EventSource; rename one",
            ));
        }
        if event.kind == "github" {
            wrong.extend(owners(event.value).map(|(problem, help)| (event.pointer.clone(), problem, help)));
        }
    }
    wrong
}

/// What is wrong with the owners of a source `github` (argo-events `pkg/eventsources/sources/github/validate.go`).
fn owners(event: &Value) -> Option<(String, &'static str)> {
    let repositories =
        is_set(&event["repositories"]) || (is_set(&event["owner"]) && is_set(&event["repository"]));
    match (repositories, is_set(&event["organizations"])) {
        (false, false) => Some((
            "neither `organizations` nor `repositories`".to_owned(),
            "its controller refuses the EventSource; without `apiToken` they have no effect, so write `organizations: [any]`",
        )),
        (true, true) => Some((
            "both `organizations` and `repositories`".to_owned(),
            "its controller refuses the EventSource; leave out one",
        )),
        _ => None,
    }
}

fn bus(object: &ArgoObject<'_>) -> Vec<Wrong> {
    let kinds = ["jetstream", "jetstreamExotic", "kafka", "nats"]
        .into_iter()
        .filter(|kind| object.spec[kind].is_object());
    let problem = match kinds.count() {
        1 => return Vec::new(),
        0 => "the EventBus is of no kind",
        _ => "the EventBus is of several kinds",
    };
    let help = "write one of `jetstream`, `jetstreamExotic`, `kafka`, `nats`";
    vec![(object.spec_pointer.clone(), problem.to_owned(), help)]
}

/// Names that a Sensor has twice.
fn twice(object: &ArgoObject<'_>) -> Vec<Wrong> {
    let triggers = sensor::triggers(object);
    let triggers = triggers.iter().filter(|trigger| !trigger.is_dead_letter);
    let triggers: Vec<_> =
        triggers.map(|trigger| (trigger.name, format!("{}/template/name", trigger.pointer))).collect();
    let dependencies = sensor::dependencies(object);
    let dependencies: Vec<_> =
        dependencies.iter().map(|one| (one.name, format!("{}/name", one.pointer))).collect();
    let mut wrong = Vec::new();
    for (what, names) in [("triggers", triggers), ("dependencies", dependencies)] {
        for (n, (name, pointer)) in names.iter().enumerate() {
            if !name.is_empty() && names[..n].iter().any(|(other, _)| other == name) {
                let help = "only one of them counts; rename the other";
                wrong.push((pointer.clone(), format!("there are two {what} `{name}`"), help));
            }
        }
    }
    wrong
}
