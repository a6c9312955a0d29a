//! The objects that Sensors make, as they are when an event has filled in its values.

use serde_json::Value;

use super::super::objects::{MadeObject, items, object};
use super::paths;
use super::sensor::{self, Trigger};
use crate::manifest::documents::{Document, documents};

/// The objects that the Sensors of a file make.
pub(in crate::lint) fn all(documents: &[Document]) -> Vec<MadeObject> {
    let mut found = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        for (root, value) in items(&document.value).into_iter().filter(|(_, value)| value["kind"] == "Sensor")
        {
            let sensor = object("Sensor", (0, number), root, value, "/spec");
            let made = sensor::triggers(&sensor).into_iter().filter_map(|trigger| made(&trigger));
            found.extend(made.map(|(pointer, value)| MadeObject { document: number, pointer, value }));
        }
    }
    found
}

/// The object that a trigger makes; `None` if it is not in the Sensor, or if events change its form too.
fn made(trigger: &Trigger<'_>) -> Option<(String, Value)> {
    let (place, mut value) = written(trigger)?;
    for (_, parameter) in trigger.resource_parameters() {
        let Some(path) = parameter["dest"].as_str() else { continue };
        let parts = paths::parts(path);
        let pointer: String =
            parts.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
        let Some((parent, last)) = pointer.rsplit_once('/') else { continue };
        match value.pointer_mut(parent) {
            _ if parameter["src"]["useRawData"] == true => return None,
            Some(Value::Object(map)) => {
                drop(map.insert(last.replace("~1", "/").replace("~0", "~"), Value::from("")))
            }
            _ => {}
        }
    }
    Some((place, value))
}

/// The object as it is in the Sensor: as YAML, or as YAML in a text.
pub(in crate::lint) fn written(trigger: &Trigger<'_>) -> Option<(String, Value)> {
    if let Some((pointer, value)) = trigger.resource() {
        return Some((pointer, value.clone()));
    }
    let kinds = trigger.kinds();
    let (_, pointer, value) = kinds.iter().find(|(kind, ..)| matches!(*kind, "k8s" | "argoWorkflow"))?;
    let (_, inside) = documents(value["source"]["inline"].as_str()?.as_bytes()).ok()?;
    Some((format!("{pointer}/source/inline"), inside.into_iter().next()?.value))
}
