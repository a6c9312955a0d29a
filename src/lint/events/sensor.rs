//! The dependencies and triggers of a Sensor.

use serde_json::Value;

use super::super::objects::ArgoObject;
use crate::manifest::documents::child;

/// A dependency: an event that a Sensor waits for.
#[derive(Debug, Clone)]
pub(in crate::lint) struct Dependency<'a> {
    pub(in crate::lint) name: &'a str,
    /// Its JSON pointer.
    pub(in crate::lint) pointer: String,
    pub(in crate::lint) value: &'a Value,
}

/// The dependencies of a Sensor.
pub(in crate::lint) fn dependencies<'a>(sensor: &ArgoObject<'a>) -> Vec<Dependency<'a>> {
    let all = items(&sensor.spec["dependencies"], &format!("{}/dependencies", sensor.spec_pointer));
    let named = |(pointer, value): (String, &'a Value)| {
        let name = value["name"].as_str().unwrap_or_default();
        Dependency { name, pointer, value }
    };
    all.map(named).collect()
}

/// A trigger, or the trigger for the events that another one gave up (`dlqTrigger`).
#[derive(Debug, Clone)]
pub(in crate::lint) struct Trigger<'a> {
    pub(in crate::lint) object: &'a ArgoObject<'a>,
    pub(in crate::lint) name: &'a str,
    /// Its JSON pointer.
    pub(in crate::lint) pointer: String,
    pub(in crate::lint) value: &'a Value,
    /// The conditions of the trigger whose events it gets.
    pub(in crate::lint) conditions: &'a Value,
    pub(in crate::lint) is_dead_letter: bool,
}

/// The most dead-letter triggers inside each other; the parser of the file allows more.
const DEPTH: usize = 8;

/// The triggers of a Sensor, and the dead-letter triggers in them.
pub(in crate::lint) fn triggers<'a>(sensor: &'a ArgoObject<'a>) -> Vec<Trigger<'a>> {
    let mut found = Vec::new();
    let all = items(&sensor.spec["triggers"], &format!("{}/triggers", sensor.spec_pointer));
    for (mut pointer, mut value) in all {
        let conditions = &value["template"]["conditions"];
        for depth in 0..DEPTH {
            let name = value["template"]["name"].as_str().unwrap_or_default();
            let is_dead_letter = depth > 0;
            found.push(Trigger {
                object: sensor,
                name,
                pointer: pointer.clone(),
                value,
                conditions,
                is_dead_letter,
            });
            let Some(next) = value.get("dlqTrigger").filter(|next| next.is_object()) else { break };
            (value, pointer) = (next, format!("{pointer}/dlqTrigger"));
        }
    }
    found
}

/// Keys of a trigger's template that are no kind of trigger.
const SETTINGS: [&str; 3] = ["name", "conditions", "conditionsReset"];

/// Lists of parameters in a kind of trigger.
const LISTS: [&str; 3] = ["parameters", "payload", "dynamicHeaders"];

impl<'a> Trigger<'a> {
    /// The kinds of the trigger, such as `k8s`, with their settings and JSON pointers. A good one has a single kind.
    pub(in crate::lint) fn kinds(&self) -> Vec<(&'a str, String, &'a Value)> {
        let template = self.value["template"].as_object().into_iter().flatten();
        let kinds = template.filter(|(key, value)| !SETTINGS.contains(&key.as_str()) && !value.is_null());
        let place = format!("{}/template", self.pointer);
        kinds.map(|(key, value)| (key.as_str(), child(&place, key), value)).collect()
    }

    /// Whether it only writes to the Sensor's log.
    pub(in crate::lint) fn is_log(&self) -> bool {
        self.kinds().iter().all(|(kind, ..)| *kind == "log")
    }

    /// The parameters with their JSON pointers: of the template, and of what its kind makes.
    pub(in crate::lint) fn parameters(&self) -> Vec<(String, &'a Value)> {
        let mut lists = vec![(format!("{}/parameters", self.pointer), &self.value["parameters"])];
        for (_, pointer, value) in self.kinds() {
            lists.extend(LISTS.map(|list| (format!("{pointer}/{list}"), &value[list])));
        }
        lists.into_iter().flat_map(|(pointer, list)| items(list, &pointer).collect::<Vec<_>>()).collect()
    }

    /// The object that the trigger makes, if it is written in the Sensor, with its JSON pointer.
    pub(in crate::lint) fn resource(&self) -> Option<(String, &'a Value)> {
        let (_, pointer, value) =
            self.kinds().into_iter().find(|(kind, ..)| matches!(*kind, "k8s" | "argoWorkflow"))?;
        Some((format!("{pointer}/source/resource"), value["source"].get("resource")?))
    }

    /// The parameters of the object that the trigger makes, with their JSON pointers.
    pub(in crate::lint) fn resource_parameters(&self) -> Vec<(String, &'a Value)> {
        let kinds = self.kinds().into_iter().filter(|(kind, ..)| matches!(*kind, "k8s" | "argoWorkflow"));
        kinds
            .flat_map(|(_, pointer, value)| items(&value["parameters"], &format!("{pointer}/parameters")))
            .collect()
    }

    /// The names in the trigger's conditions, each as written; `None` if it has none and waits for all dependencies.
    pub(in crate::lint) fn condition_names(&self) -> Option<Vec<&'a str>> {
        let text = self.conditions.as_str().filter(|text| !text.is_empty())?;
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, '&' | '|' | '(' | ')'));
        Some(words.filter(|word| !word.is_empty()).collect())
    }
}

/// The items of a list with their JSON pointers.
pub(in crate::lint) fn items<'a>(
    list: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
    let pointer = pointer.to_owned();
    let all = list.as_array().into_iter().flatten().enumerate();
    all.map(move |(n, item)| (format!("{pointer}/{n}"), item))
}
