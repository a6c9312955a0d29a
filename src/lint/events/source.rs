//! The events of an EventSource.

use serde_json::Value;

use super::super::objects::ArgoObject;
use crate::manifest::documents::child;

/// Keys of an EventSource's spec that are no kind of source.
const SETTINGS: [&str; 4] = ["eventBusName", "replicas", "service", "template"];

/// An event of an EventSource.
#[derive(Debug, Clone)]
pub(in crate::lint) struct SourceEvent<'a> {
    /// The kind of source, such as `github`.
    pub(in crate::lint) kind: &'a str,
    /// The event's name.
    pub(in crate::lint) name: &'a str,
    /// The JSON pointer of its settings.
    pub(in crate::lint) pointer: String,
    /// Its settings.
    pub(in crate::lint) value: &'a Value,
}

/// The events of an EventSource.
pub(in crate::lint) fn events<'a>(source: &ArgoObject<'a>) -> Vec<SourceEvent<'a>> {
    let mut found = Vec::new();
    let kinds = source.spec.as_object().into_iter().flatten();
    for (kind, events) in kinds.filter(|(key, _)| !SETTINGS.contains(&key.as_str())) {
        let place = child(&source.spec_pointer, kind);
        for (name, value) in events.as_object().into_iter().flatten() {
            found.push(SourceEvent { kind, name, pointer: child(&place, name), value });
        }
    }
    found
}

impl<'a> SourceEvent<'a> {
    /// The settings of its HTTP server with their JSON pointer: those of the kind `webhook` are not in a map of their own.
    pub(in crate::lint) fn hook(&self) -> Option<(String, &'a Value)> {
        match self.kind {
            "webhook" => Some((self.pointer.clone(), self.value)),
            _ => Some((format!("{}/webhook", self.pointer), self.value.get("webhook")?)),
        }
    }
}
