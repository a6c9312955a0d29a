//! GitHub's pull requests.

use http::Method;
use serde_json::json;

use crate::forge::client::ForgeClient;
use crate::forge::error::ForgeError;
use crate::forge::wire::{PullWire, UserWire};

#[derive(serde::Deserialize)]
struct IssueWire {
    assignees: Vec<UserWire>,
}

/// The open pull request between two branches of the repository. GitHub ignores a `head` that it cannot parse, so
/// each result is checked.
pub(in crate::forge) async fn find(
    client: &ForgeClient,
    head: &str,
    base: &str,
) -> Result<Option<PullWire>, ForgeError> {
    let from = format!("{}:{head}", client.repository.owner());
    let call = client.call(Method::GET, &["pulls"]);
    let call = call.query(&[("state", "open"), ("head", &from), ("base", base)]);
    let pulls: Vec<PullWire> = client.ask(&call).await?.json()?;
    Ok(pulls.into_iter().find(|pull| pull.is_between(head, base)))
}

/// Assigns people. GitHub ignores people without access to the repository.
pub(in crate::forge) async fn assign(
    client: &ForgeClient,
    number: u64,
    missing: &[String],
    warnings: &mut Vec<String>,
) {
    let call = client.call(Method::POST, &["issues", &number.to_string(), "assignees"]);
    let answer = client.ask(&call.body(json!({"assignees": missing}))).await;
    match answer.and_then(|answer| answer.json::<IssueWire>()) {
        Err(error) => warnings.push(format!("{error}: {} were not assigned", missing.join(", "))),
        Ok(issue) => {
            let is_there = |login: &str| issue.assignees.iter().any(|a| a.login.eq_ignore_ascii_case(login));
            let passed_over = missing.iter().filter(|login| !is_there(login));
            warnings.extend(passed_over.map(|login| {
                let at = client.at();
                format!("cannot {at}: GitHub passed over `{login}`; check the name and their access")
            }));
        }
    }
}
