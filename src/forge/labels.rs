//! Labels on a pull request: added by name, and made where there is none of that name.
//!
//! Both forges take names at `POST /issues/{number}/labels`, which adds and never removes. GitHub makes a label that
//! is not there; Gitea passes over it. On Gitea labels belong to the issues' scope: a token that may push and open
//! pull requests often may not label them. No deployment shall fail for that, so what goes wrong here is a warning.

use http::Method;
use serde_json::json;

use super::error::ForgeError;
use super::place::Place;
use super::repository::Dialect;
use super::talk::Talk;
use super::wire::{LabelWire, PullWire};

/// The colour that GitHub gives to a label that it makes.
const COLOUR: &str = "#ededed";

/// Adds `names` to the labels of a pull request, or says why not.
pub(super) async fn add(place: &Place, pull: &PullWire, names: &[String], warnings: &mut Vec<String>) {
    let there = pull.labels.clone().unwrap_or_default();
    let missing = without(names, &there);
    if missing.is_empty() {
        // GitHub removes all labels when it is given none to add.
        return;
    }
    let talk = place.talk.about(format!("label pull request {} of", pull.number));
    if let Err(error) = add_or_make(&talk, pull.number, missing).await {
        warnings.push(format!("{error}: the labels {} were not added", names.join(", ")));
    }
}

async fn add_or_make(talk: &Talk, number: u64, names: Vec<String>) -> Result<(), ForgeError> {
    let unknown = without(&names, &attach(talk, number, &names).await?);
    if unknown.is_empty() || talk.repository.dialect() == Dialect::GitHub {
        return Ok(());
    }
    for name in &unknown {
        // Gitea takes a second label of the same name.
        let call = talk.call(Method::POST, &["labels"]).once();
        talk.ask(&call.body(json!({"name": name, "color": COLOUR}))).await?;
    }
    attach(talk, number, &unknown).await.map(drop)
}

/// Adds the labels that exist; all labels that the pull request then has.
async fn attach(talk: &Talk, number: u64, names: &[String]) -> Result<Vec<LabelWire>, ForgeError> {
    let call = talk.call(Method::POST, &["issues", &number.to_string(), "labels"]);
    talk.ask(&call.body(json!({"labels": names}))).await?.json()
}

/// The `names` that are not in `there`. GitHub does not tell labels apart by case.
fn without(names: &[String], there: &[LabelWire]) -> Vec<String> {
    let is_there = |name: &String| there.iter().any(|label| label.name.eq_ignore_ascii_case(name));
    names.iter().filter(|name| !is_there(name)).cloned().collect()
}
