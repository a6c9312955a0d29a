//! Gitea's pull requests.

use http::{Method, StatusCode};
use serde_json::json;

use crate::forge::client::ForgeClient;
use crate::forge::error::ForgeError;
use crate::forge::wire::PullWire;

/// The most pages of open pull requests that are read, with 50 each.
const PAGES: u32 = 40;

/// The open pull request between two branches of the repository; the oldest if there are several.
///
/// Gitea ignores `head` in `GET /pulls?head=`. `GET /pulls/{base}/{head}` returns any pull request between the two,
/// even a closed one while another is open (`GetPullRequestByBaseHeadInfo` has neither state nor order). But its 404
/// is reliable, and saves reading the list.
pub(in crate::forge) async fn find(
    client: &ForgeClient,
    head: &str,
    base: &str,
) -> Result<Option<PullWire>, ForgeError> {
    let answer = client.send(&client.call(Method::GET, &["pulls", base, head])).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    answer.ok()?;
    search(client, head, base).await
}

async fn search(client: &ForgeClient, head: &str, base: &str) -> Result<Option<PullWire>, ForgeError> {
    let mut oldest: Option<PullWire> = None;
    for page in 1..=PAGES {
        let page = page.to_string();
        let call = client.call(Method::GET, &["pulls"]).query(&[
            ("state", "open"),
            ("base_branch", base),
            ("limit", "50"),
            ("page", &page),
        ]);
        let answer = client.ask(&call).await?;
        let pulls: Vec<PullWire> = answer.json()?;
        let fitting = pulls.into_iter().filter(|pull| pull.is_between(head, base));
        oldest = oldest.into_iter().chain(fitting).min_by_key(|pull| pull.number);
        if !answer.has_next() {
            return Ok(oldest);
        }
    }
    Err(client.unexpected(format!("more than {PAGES} pages of open pull requests")))
}

/// The pull request to use after `made` was opened, and whether it is `made`.
///
/// Gitea looks for another one and opens a new one in two steps: of six requests at the same time, all six succeeded.
/// The numbers are in order, so every caller finds the first, and closes its own if that is another one.
pub(in crate::forge) async fn first(
    client: &ForgeClient,
    made: PullWire,
) -> Result<(PullWire, bool), ForgeError> {
    let first = search(client, &made.head.branch, &made.base.branch).await?;
    let Some(first) = first.filter(|first| first.number < made.number) else { return Ok((made, true)) };
    let client = client.with_action(format!("close the doubled pull request {} of", made.number));
    let call = client.call(Method::PATCH, &["pulls", &made.number.to_string()]);
    client.ask(&call.body(json!({"state": "closed"}))).await?;
    Ok((first, false))
}

/// Assigns people one by one, because Gitea refuses all if one is unknown. `there` are the existing assignees, who
/// stay.
pub(in crate::forge) async fn assign(
    client: &ForgeClient,
    number: u64,
    mut there: Vec<String>,
    missing: &[String],
    warnings: &mut Vec<String>,
) {
    for login in missing {
        there.push(login.clone());
        // Gitea answers 500 for people without access, so a repetition does not help.
        let call = client.call(Method::PATCH, &["pulls", &number.to_string()]).once();
        if let Err(error) = client.ask(&call.body(json!({"assignees": there}))).await {
            there.pop();
            warnings.push(format!(
                "{error}: `{login}` was not assigned; check that they may read the repository"
            ));
        }
    }
}
