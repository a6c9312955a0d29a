//! Gitea's pull requests.

use http::{Method, StatusCode};
use serde_json::json;

use crate::forge::error::ForgeError;
use crate::forge::talk::Talk;
use crate::forge::wire::PullWire;

/// Pages of open pull requests that are read, of 50 each.
const PAGES: u32 = 40;

/// The open pull request between two branches of the repository, the oldest if there are several.
///
/// `GET /pulls?head=` is ignored, and `GET /pulls/{base}/{head}` gives any one pull request of the two, also a closed
/// one while another is open (`GetPullRequestByBaseHeadInfo` has neither state nor order). Its 404 is sure, though,
/// and saves the list.
pub(in crate::forge) async fn find(
    talk: &Talk,
    head: &str,
    base: &str,
) -> Result<Option<PullWire>, ForgeError> {
    let answer = talk.send(&talk.call(Method::GET, &["pulls", base, head])).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    answer.ok()?;
    search(talk, head, base).await
}

async fn search(talk: &Talk, head: &str, base: &str) -> Result<Option<PullWire>, ForgeError> {
    let mut oldest: Option<PullWire> = None;
    for page in 1..=PAGES {
        let page = page.to_string();
        let call = talk.call(Method::GET, &["pulls"]).query(&[
            ("state", "open"),
            ("base_branch", base),
            ("limit", "50"),
            ("page", &page),
        ]);
        let answer = talk.ask(&call).await?;
        let pulls: Vec<PullWire> = answer.json()?;
        let fitting = pulls.into_iter().filter(|pull| pull.is_between(head, base));
        oldest = oldest.into_iter().chain(fitting).min_by_key(|pull| pull.number);
        if !answer.has_next() {
            return Ok(oldest);
        }
    }
    Err(talk.unexpected(format!("more than {PAGES} pages of open pull requests")))
}

/// The pull request that counts after `made` was opened, and whether it is `made`.
///
/// Gitea looks for another one and opens a new one in two steps: of six requests at once all six were granted. The
/// numbers are given in order, so that everyone finds the first, and closes their own if it is another.
pub(in crate::forge) async fn first(talk: &Talk, made: PullWire) -> Result<(PullWire, bool), ForgeError> {
    let first = search(talk, &made.head.branch, &made.base.branch).await?;
    let Some(first) = first.filter(|first| first.number < made.number) else { return Ok((made, true)) };
    let talk = talk.about(format!("close the doubled pull request {} of", made.number));
    let call = talk.call(Method::PATCH, &["pulls", &made.number.to_string()]);
    talk.ask(&call.body(json!({"state": "closed"}))).await?;
    Ok((first, false))
}

/// Assigns people one by one, since Gitea refuses all when it does not know one; `there` are those who stay.
pub(in crate::forge) async fn assign(
    talk: &Talk,
    number: u64,
    mut there: Vec<String>,
    missing: &[String],
    warnings: &mut Vec<String>,
) {
    for login in missing {
        there.push(login.clone());
        // It answers 500 for people without access, which no second try changes.
        let call = talk.call(Method::PATCH, &["pulls", &number.to_string()]).once();
        if let Err(error) = talk.ask(&call.body(json!({"assignees": there}))).await {
            there.pop();
            warnings.push(format!(
                "{error}: `{login}` was not assigned; check that they may read the repository"
            ));
        }
    }
}
