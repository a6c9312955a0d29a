//! Rules between the fields of a map.

use serde_json::{Value, json};

use super::form::SchemaWriter;
use crate::step::FieldRule;

impl SchemaWriter {
    /// The schema of a rule, for a map.
    pub(super) fn rule(&self, rule: FieldRule) -> Value {
        match rule {
            FieldRule::OneOf(fields) => json!({"oneOf": all(fields)}),
            FieldRule::AnyOf(fields) => json!({"anyOf": all(fields)}),
            FieldRule::NotBoth(one, other) => json!({"not": {"allOf": [has(one), has(other)]}}),
            FieldRule::Needs(one, other) => json!({"anyOf": [{"not": has(one)}, has(other)]}),
            FieldRule::UnlessOff(field, switch) => json!({"anyOf": [has(field), self.off(switch)]}),
            FieldRule::AnyUnlessOff(fields, switch) => {
                let mut any = all(fields);
                any.push(self.off(switch));
                json!({"anyOf": any})
            }
        }
    }

    /// The field `switch` is there, and `false`.
    fn off(&self, switch: &str) -> Value {
        let mut off = self.place.string(Some(r"^\s*false\s*$"));
        off["type"] = json!(["boolean", "string"]);
        let not_true = json!({"not": {"const": true}});
        let off = json!({"allOf": [off, not_true]});
        json!({"required": [switch], "properties": {switch: off}})
    }
}

fn all(fields: &[&str]) -> Vec<Value> {
    fields.iter().map(|field| has(field)).collect()
}

/// The field is there, and not empty.
fn has(field: &str) -> Value {
    json!({"required": [field], "properties": {field: {"not": {"enum": [null, ""]}}}})
}
