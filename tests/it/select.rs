//! `select` against real Git servers and a real API server.

mod conditions;
mod decisions;
mod submissions;

use serde_json::{Value, json};

use crate::support::plugin::output;
use crate::support::shop::template;

const ZEROS: &str = "0000000000000000000000000000000000000000";

/// A template with `fields` in its `select`.
fn select(repo: &str, before: &str, after: &str, fields: Value) -> Value {
    let mut body =
        json!({"repo": repo, "secret": "git", "ref": "refs/heads/main", "before": before, "after": after});
    for (key, value) in fields.as_object().unwrap() {
        body[key] = value.clone();
    }
    template(json!({"select": body}))
}

/// Whether the node selected, and why.
fn decision(node: &Value) -> (String, String) {
    (output(node, "selected"), output(node, "reason"))
}

fn list(node: &Value, name: &str) -> Vec<String> {
    serde_json::from_str(&output(node, name)).unwrap()
}
