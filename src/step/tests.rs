//! Which bodies are accepted, which are refused and with what message, and whether docs/steps.md keeps its promises.
#![expect(clippy::unwrap_used, reason = "tests")]

use corpus::parse;
use serde_json::{Value, json};

use super::{InvalidStep, Step};

pub(crate) mod any_json;
mod cache;
mod commit_status;
pub(crate) mod corpus;
mod docs;
mod good;
mod notify;
mod outputs;
mod poll;
mod push;
mod random;
mod refused;
mod refused_fields;
mod refused_steps;
mod select;
mod sign;
mod supersede;
mod sync;
mod tags;
mod verify;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A body as users write it.
fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn parsed(text: &str) -> Result<Step, InvalidStep> {
    parse(&yaml(text))
}

/// The smallest body of `kind`, with `fields` (a flow map without its braces) put over it. `null` removes a field.
fn with(kind: &str, fields: &str) -> Value {
    let mut body = match kind {
        "build" => json!({"context": "https://git.example/shop/api.git", "tags": ["reg.example/shop/api:1"]}),
        "push" => json!({"source": "reg.example/shop/api:1", "targets": ["reg.example/prod/api"]}),
        "sign" => json!({"image": "reg.example/shop/api:1", "key": "image-key"}),
        "verify" => json!({"images": ["reg.example/shop/api:1"], "key": "image-key"}),
        "supersede" => json!({}),
        "sync" => json!({"applications": "api"}),
        "commit-status" => json!({
            "repo": "https://git.example/shop/api.git", "secret": "forge", "state": "success",
            "commit": "2222222222222222222222222222222222222222",
        }),
        "notify" => json!({"to": "slack", "url": "slack"}),
        "cache" => json!({"usage": {}}),
        "tags" => json!({"image": "reg.example/shop/api"}),
        "select" => json!({
            "repo": "https://git.example/shop/shop.git",
            "ref": "refs/heads/main",
            "before": "1111111111111111111111111111111111111111",
            "after": "2222222222222222222222222222222222222222",
        }),
        "poll" => json!({"services": [{
            "name": "api", "repo": "https://git.example/shop/api.git", "branches": "main", "image": "reg.example/shop/api",
            "workflow": {"template": "build"},
        }]}),
        _ => json!({
            "repo": "https://git.example/ops/gitops.git",
            "targets": [{"file": "api/values.yaml", "helm": {"image.tag": "1.4"}}],
        }),
    };
    for (key, value) in yaml(&format!("{{{fields}}}")).as_object().unwrap() {
        body[key] = value.clone();
    }
    json!({ kind: body })
}

/// Every row with the message that refuses it.
fn refusals(rows: &[&str], body: impl Fn(&str) -> Value) -> String {
    let refusal = |row: &&str| match parse(&body(row)) {
        Ok(step) => panic!("{row} was accepted: {step:?}"),
        Err(invalid) => format!("{row}\n    {invalid}"),
    };
    rows.iter().map(refusal).collect::<Vec<_>>().join("\n")
}
