//! Adds labels to a pull request by name, and creates missing labels.
//!
//! Both forges accept names at `POST /issues/{number}/labels`, which adds labels and removes none. GitHub creates a
//! missing label; Gitea ignores it. On Gitea, labels belong to the scope for issues, so a token that may push and
//! open pull requests often cannot set labels. A deployment must not fail because of a label, so errors are only
//! warnings.

use http::Method;
use serde_json::json;

use super::client::ForgeClient;
use super::error::ForgeError;
use super::repository::Dialect;
use super::wire::{LabelWire, PullWire};
use super::writable::WritableRepository;

/// GitHub's colour for labels that it creates.
const COLOUR: &str = "#ededed";

/// Adds `names` to the labels of a pull request. An error becomes a warning.
pub(super) async fn add(
    repo: &WritableRepository,
    pull: &PullWire,
    names: &[String],
    warnings: &mut Vec<String>,
) {
    let there = pull.labels.clone().unwrap_or_default();
    let missing = without(names, &there);
    if missing.is_empty() {
        // GitHub removes all labels if the list is empty.
        return;
    }
    let client = repo.client.with_action(format!("label pull request {} of", pull.number));
    if let Err(error) = add_or_make(&client, pull.number, missing).await {
        warnings.push(format!("{error}: the labels {} were not added", names.join(", ")));
    }
}

async fn add_or_make(client: &ForgeClient, number: u64, names: Vec<String>) -> Result<(), ForgeError> {
    let unknown = without(&names, &attach(client, number, &names).await?);
    if unknown.is_empty() || client.repository.dialect() == Dialect::GitHub {
        return Ok(());
    }
    for name in &unknown {
        // Gitea would accept a second label of the same name, so this is not repeated.
        let call = client.call(Method::POST, &["labels"]).once();
        client.ask(&call.body(json!({"name": name, "color": COLOUR}))).await?;
    }
    attach(client, number, &unknown).await.map(drop)
}

/// Adds the labels that exist. Returns all labels of the pull request.
async fn attach(client: &ForgeClient, number: u64, names: &[String]) -> Result<Vec<LabelWire>, ForgeError> {
    let call = client.call(Method::POST, &["issues", &number.to_string(), "labels"]);
    client.ask(&call.body(json!({"labels": names}))).await?.json()
}

/// Those of `names` that are not in `there`. GitHub ignores case in labels.
fn without(names: &[String], there: &[LabelWire]) -> Vec<String> {
    let is_there = |name: &String| there.iter().any(|label| label.name.eq_ignore_ascii_case(name));
    names.iter().filter(|name| !is_there(name)).cloned().collect()
}
