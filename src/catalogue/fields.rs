//! The fields of a service: its own, and those that it takes from the defaults.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::manifest::documents::child;

/// The fields of a service, with the place of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    values: BTreeMap<String, (Value, String)>,
    /// The JSON pointer of the service.
    pub(super) own: String,
}

/// The fields whose maps are joined, key by key.
const JOINED: &[&str] = &["build-args", "cache", "gitops", "parameters"];

impl Fields {
    pub(super) fn of(document: &Value, pointer: &str) -> Self {
        let mut fields = Self { values: BTreeMap::new(), own: pointer.to_owned() };
        let maps = [("/defaults", document.get("defaults")), (pointer, document.pointer(pointer))];
        for (pointer, map) in maps {
            for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
                let place = child(pointer, key);
                let joined = match (fields.values.get(key), value) {
                    (Some((Value::Object(before), _)), Value::Object(own))
                        if JOINED.contains(&key.as_str()) =>
                    {
                        let mut joined: Map<_, _> = before.clone();
                        joined.extend(own.clone());
                        Value::Object(joined)
                    }
                    _ => value.clone(),
                };
                fields.values.insert(key.clone(), (joined, place));
            }
        }
        fields
    }

    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|(value, _)| value)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(text)
    }

    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let items = self.value(key)?.as_array()?;
        Some(items.iter().filter_map(|item| text(item).map(str::to_owned)).collect())
    }

    /// The place of a field: in the service, or in the defaults; of an absent one, that of the service.
    pub(super) fn place(&self, key: &str) -> &str {
        self.values.get(key).map_or(&self.own, |(_, place)| place)
    }

    /// The place of `key` in the map `field`, which may have been joined from two.
    pub(super) fn place_in(&self, document: &Value, field: &str, key: &str) -> String {
        let own = child(&child(&self.own, field), key);
        let default = child(&child("/defaults", field), key);
        [own, default]
            .into_iter()
            .find(|place| document.pointer(place).is_some())
            .unwrap_or_else(|| self.place(field).to_owned())
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str()
}
