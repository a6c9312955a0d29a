//! Names of dependencies, events, EventSources and EventBuses.

use super::super::super::events::{bus, sensor, source};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::{ArgoObject, Given};
use super::{all_triggers, error, of, warning};
use crate::step::hint;

/// Dependencies that conditions and parameters name, and that the Sensor does not have.
pub(in super::super) fn unknown<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for trigger in all_triggers(given) {
        let dependencies = sensor::dependencies(trigger.object);
        let names = || dependencies.iter().map(|dependency| dependency.name);
        let awaited = trigger.condition_names();
        for name in awaited.iter().flatten().filter(|_| !trigger.is_dead_letter) {
            // Conditions take `-` and `_` for the same (argo-events `pkg/sensors/listener.go`).
            if !names().any(|known| known.replace('-', "_") == name.replace('-', "_")) {
                let pointer = format!("{}/template/conditions", trigger.pointer);
                let problem = format!("the Sensor has no dependency `{name}`{}", hint(name, names()));
                let help = "the trigger is never begun; only the Sensor's log says why".to_owned();
                let at = At::Text((*name).to_owned());
                found.push(of(&trigger, error(trigger.object, pointer, at, problem, help)));
            }
        }
        for (pointer, parameter) in trigger.parameters() {
            let Some(name) = parameter["src"]["dependencyName"].as_str().filter(|name| !name.is_empty())
            else {
                continue;
            };
            let is_awaited = awaited
                .as_ref()
                .is_none_or(|all| all.iter().any(|one| one.replace('-', "_") == name.replace('-', "_")));
            let problem = match names().any(|known| known == name) {
                false => format!("the Sensor has no dependency `{name}`{}", hint(name, names())),
                true if !is_awaited => {
                    format!("the trigger's `conditions` do not name the dependency `{name}`")
                }
                true => continue,
            };
            let help = "the parameter is left out without a message, so the object has the value that is written in it".to_owned();
            let pointer = format!("{pointer}/src/dependencyName");
            found.push(of(&trigger, error(trigger.object, pointer, At::Value, problem, help)));
        }
    }
}

/// Triggers without conditions, in a Sensor with several dependencies.
pub(in super::super) fn all_awaited<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for trigger in all_triggers(given).filter(|trigger| !trigger.is_dead_letter) {
        let names: Vec<_> = sensor::dependencies(trigger.object).iter().map(|one| one.name).collect();
        if names.len() < 2 || trigger.condition_names().is_some() {
            continue;
        }
        let problem =
            format!("without `conditions`, the trigger waits for all {} dependencies together", names.len());
        let help = format!("write `conditions: {}` if each of them should begin it", names.join(" || "));
        let pointer = format!("{}/template", trigger.pointer);
        found.push(of(&trigger, warning(trigger.object, pointer, At::Key, problem, help)));
    }
}

/// Events that dependencies name, and that no EventSource of the files has.
pub(in super::super) fn unknown_events<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for sensor in given.of_events("Sensor") {
        for dependency in sensor::dependencies(sensor) {
            let text = |key: &str| dependency.value[key].as_str().filter(|name| !name.is_empty());
            let (Some(name), Some(event)) = (text("eventSourceName"), text("eventName")) else { continue };
            let all = || given.of_events("EventSource");
            let Some(source) = all().find(|source| source.name == name && is_near(source, sensor)) else {
                if all().next().is_some() {
                    let problem = format!(
                        "there is no EventSource `{name}` in the files{}",
                        hint(name, all().map(|one| one.name))
                    );
                    let help = "correct the name, or lint its file too".to_owned();
                    found.push(warning(
                        sensor,
                        format!("{}/eventSourceName", dependency.pointer),
                        At::Value,
                        problem,
                        help,
                    ));
                }
                continue;
            };
            found.extend(wrong_event(sensor, &dependency, source, event));
        }
    }
}

/// Whether both objects are in the same namespace, as far as the files say.
fn is_near(one: &ArgoObject<'_>, other: &ArgoObject<'_>) -> bool {
    let place = |object: &ArgoObject<'_>| object.whole["metadata"]["namespace"].as_str().map(str::to_owned);
    match (place(one), place(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

fn wrong_event<'a>(
    sensor: &'a ArgoObject<'a>,
    dependency: &sensor::Dependency<'a>,
    source: &ArgoObject<'a>,
    event: &str,
) -> Option<RuleMatch<'a>> {
    let events = source::events(source);
    let names = || events.iter().map(|event| event.name);
    let (own, its) = (bus(sensor.spec), bus(source.spec));
    if !names().any(|known| known == event) {
        let problem =
            format!("the EventSource `{}` has no event `{event}`{}", source.name, hint(event, names()));
        let known = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let help = format!("it has {known}; the Sensor waits for ever, without a message");
        return Some(error(sensor, format!("{}/eventName", dependency.pointer), At::Value, problem, help));
    }
    if own != its {
        let problem = format!(
            "the EventSource `{}` writes to the EventBus `{its}`, and the Sensor reads from `{own}`",
            source.name
        );
        let help = "give both the same `eventBusName`; otherwise the Sensor waits for ever".to_owned();
        return Some(error(
            sensor,
            format!("{}/eventSourceName", dependency.pointer),
            At::Value,
            problem,
            help,
        ));
    }
    None
}
