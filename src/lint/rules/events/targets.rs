//! Where parameters put their values (`dest`).

use super::super::super::events::sensor::items;
use super::super::super::events::{fields, paths, resources};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::Given;
use super::{all_triggers, error, of};
use crate::step::hint;

/// Places that the object of a trigger, or the trigger itself, does not have.
pub(in super::super) fn wrong<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for trigger in all_triggers(given) {
        let mut tell = |pointer: String, problem: String, help: &str| {
            let found_one =
                error(trigger.object, format!("{pointer}/dest"), At::Value, problem, help.to_owned());
            found.push(of(&trigger, found_one));
        };
        if let Some((_, object)) = resources::written(&trigger) {
            for (pointer, parameter) in trigger.resource_parameters() {
                let Some(path) = parameter["dest"].as_str() else { continue };
                if let Some(problem) = paths::wrong_target(path, &object) {
                    let help = "the path begins in the object, and numbers begin with 0; a wrong one is written there without a message";
                    tell(pointer, problem, help);
                }
            }
        }
        for (pointer, parameter) in
            items(&trigger.value["parameters"], &format!("{}/parameters", trigger.pointer))
        {
            let Some(first) = parameter["dest"].as_str().and_then(|path| path.split('.').next()) else {
                continue;
            };
            if !first.is_empty() && !fields::names("TriggerTemplate").any(|known| known == first) {
                let near = hint(first, fields::names("TriggerTemplate"));
                let problem = format!("a trigger's template has no `{first}`{near}");
                let help = "here, a path begins in `template`, such as `k8s.source.resource.metadata.name`; under `k8s.parameters` it begins in the object";
                tell(pointer, problem, help);
            }
        }
        for (pointer, parameter) in trigger.parameters() {
            let is_empty = parameter["dest"].as_str().is_none_or(str::is_empty);
            if parameter.is_object() && is_empty && !pointer.contains("/payload/") {
                tell(pointer, "`dest` is missing".to_owned(), "write the place of the value");
            }
        }
    }
}
