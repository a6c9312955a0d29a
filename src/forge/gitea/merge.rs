//! Gitea's merge when checks succeed.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::forge::error::ForgeError;
use crate::forge::place::{Place, Settings};
use crate::forge::pull::{AutoMerge, Merge, MergeMethod};
use crate::forge::talk::{Answer, Talk};
use crate::forge::wire::PullWire;

/// Between two questions whether a pull request can be merged.
const PAUSE: Duration = Duration::from_millis(250);

/// Schedules the merge, and the deletion of the head branch after it.
///
/// Right after a pull request was opened or pushed to, and for as long as it conflicts, the answer is the same 405
/// `Please try again later`: what lasts is a conflict.
pub(in crate::forge) async fn schedule(
    place: &Place,
    pull: &PullWire,
    merge: &Merge<'_>,
) -> Result<AutoMerge, ForgeError> {
    let style = match style(&place.settings, merge.method) {
        Ok(style) => style,
        Err(refused) => return Ok(AutoMerge::Refused(refused)),
    };
    let talk = place.talk.about(format!("merge pull request {} of", pull.number));
    let path = ["pulls", &pull.number.to_string(), "merge"];
    if merge.outdated {
        // Gitea keeps the message of the moment when it was scheduled. None is 404.
        talk.send(&talk.call(Method::DELETE, &path)).await?;
    }
    let call = talk.call(Method::POST, &path).body(body(&style, merge));
    let patience = talk.http.options.mergeable_wait;
    let deadline = Instant::now() + patience;
    loop {
        let answer = talk.send(&call).await?;
        if !(answer.status == StatusCode::METHOD_NOT_ALLOWED && answer.words().contains("try again later")) {
            return outcome(&talk, pull.number, answer).await;
        }
        if Instant::now() >= deadline {
            let (head, base) = (&pull.head.branch, &pull.base.branch);
            return Ok(AutoMerge::Refused(format!(
                "cannot {}: after {patience:?} Gitea still says that it cannot be merged; `{head}` conflicts with \
                 `{base}`, or the server is too busy to find out",
                talk.at()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn body(style: &str, merge: &Merge<'_>) -> Value {
    let mut body = json!({
        "Do": style,
        "merge_when_checks_succeed": true,
        "delete_branch_after_merge": true,
    });
    if let Some((subject, rest)) = merge.message.filter(|_| style == "squash") {
        // 1.26 documents the second spelling, older servers and Forgejo the first; the other one is passed over.
        body["MergeTitleField"] = json!(subject);
        body["MergeMessageField"] = json!(rest);
        body["merge_title_field"] = json!(subject);
        body["merge_message_field"] = json!(rest);
    }
    body
}

async fn outcome(talk: &Talk, number: u64, answer: Answer) -> Result<AutoMerge, ForgeError> {
    let words = answer.words();
    match answer.status {
        // Scheduled; a moment later it is merged where no check is required.
        StatusCode::CREATED => now(talk, number).await,
        StatusCode::OK => Ok(AutoMerge::Merged),
        StatusCode::CONFLICT if words.contains("already scheduled") => now(talk, number).await,
        StatusCode::METHOD_NOT_ALLOWED if words.contains("already merged") => Ok(AutoMerge::Merged),
        _ => match answer.error() {
            Some(error) => Ok(AutoMerge::Refused(error.to_string())),
            None => Err(talk.unexpected(format!("status {} of a merge", answer.status))),
        },
    }
}

async fn now(talk: &Talk, number: u64) -> Result<AutoMerge, ForgeError> {
    let call = talk.call(Method::GET, &["pulls", &number.to_string()]);
    let pull: PullWire = talk.ask(&call).await?.json()?;
    Ok(if pull.merged { AutoMerge::Merged } else { AutoMerge::Scheduled })
}

/// The name of `method` here, or why the repository does not merge so.
fn style(settings: &Settings, method: MergeMethod) -> Result<String, String> {
    let (name, allowed) = match method {
        MergeMethod::Default => {
            return Ok(settings
                .default_merge_style
                .clone()
                .filter(|s| !s.is_empty())
                .unwrap_or("merge".into()));
        }
        MergeMethod::Merge => ("merge", settings.allow_merge_commits),
        MergeMethod::Squash => ("squash", settings.allow_squash_merge),
        MergeMethod::Rebase => ("rebase", settings.allow_rebase),
    };
    match allowed {
        // Gitea takes it, schedules it, and fails when the checks have passed.
        Some(false) => Err(format!(
            "the repository does not allow to merge by {name}: allow it in its settings or choose another method"
        )),
        _ => Ok(name.to_owned()),
    }
}
