//! The schema of the policy file.

use serde_json::{Map, Value, json};

use super::whole;
use crate::policy::{NAMESPACE_CHARACTERS, lists, switches};

/// The schema of the file that `agent --policy` names.
#[must_use]
pub fn policy() -> Value {
    let list = json!({"type": "array", "items": {"type": "string", "minLength": 1}});
    let mut fields: Map<_, _> = lists().map(|name| (name.to_owned(), list.clone())).collect();
    fields.extend(switches().map(|name| (name.to_owned(), json!({"type": "boolean"}))));
    let entry = json!({"type": "object", "properties": fields, "additionalProperties": false});
    let names = json!({"pattern": format!("^[{NAMESPACE_CHARACTERS}]+$"), "not": {"pattern": r"\*\*"}});
    let namespaces = json!({"type": "object", "propertyNames": names, "additionalProperties": entry});
    whole(
        "The policy of argo-buildkit's shared agent",
        json!({
            "type": "object",
            "properties": {"namespaces": namespaces},
            "required": ["namespaces"],
            "additionalProperties": false,
        }),
    )
}
