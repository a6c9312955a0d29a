//! Gitea's auto-merge.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::forge::client::{ApiAnswer, ForgeClient};
use crate::forge::error::ForgeError;
use crate::forge::pull::{AutoMerge, AutoMergeRequest, MergeMethod};
use crate::forge::wire::PullWire;
use crate::forge::writable::{RepositorySettings, WritableRepository};

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Schedules the merge, and the deletion of the head branch after it.
///
/// Gitea answers 405 `Please try again later` right after a pull request was opened or pushed to, and also for as
/// long as it conflicts. If this answer lasts, it counts as a conflict.
pub(in crate::forge) async fn schedule(
    repo: &WritableRepository,
    pull: &PullWire,
    merge: &AutoMergeRequest<'_>,
) -> Result<AutoMerge, ForgeError> {
    let style = match style(&repo.settings, merge.method) {
        Ok(style) => style,
        Err(refused) => return Ok(AutoMerge::Refused(refused)),
    };
    let client = repo.client.with_action(format!("merge pull request {} of", pull.number));
    let path = ["pulls", &pull.number.to_string(), "merge"];
    if merge.outdated {
        // Gitea keeps the message of the time when the merge was scheduled, so the schedule is deleted first. The
        // answer is 404 if there is none.
        client.send(&client.call(Method::DELETE, &path)).await?;
    }
    let call = client.call(Method::POST, &path).body(body(&style, merge));
    let patience = client.http.options.mergeable_wait;
    let deadline = Instant::now() + patience;
    loop {
        let answer = client.send(&call).await?;
        if !(answer.status == StatusCode::METHOD_NOT_ALLOWED && answer.words().contains("try again later")) {
            return outcome(&client, pull.number, answer).await;
        }
        if Instant::now() >= deadline {
            let (head, base) = (&pull.head.branch, &pull.base.branch);
            return Ok(AutoMerge::Refused(format!(
                "cannot {}: after {patience:?} Gitea still says that it cannot be merged; `{head}` conflicts with \
                 `{base}`, or the server is too busy to find out",
                client.at()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn body(style: &str, merge: &AutoMergeRequest<'_>) -> Value {
    let mut body = json!({
        "Do": style,
        "merge_when_checks_succeed": true,
        "delete_branch_after_merge": true,
    });
    if let Some((subject, rest)) = merge.message.filter(|_| style == "squash") {
        // Gitea 1.26 documents the second spelling, older servers and Forgejo the first. A server ignores the other
        // one.
        body["MergeTitleField"] = json!(subject);
        body["MergeMessageField"] = json!(rest);
        body["merge_title_field"] = json!(subject);
        body["merge_message_field"] = json!(rest);
    }
    body
}

async fn outcome(client: &ForgeClient, number: u64, answer: ApiAnswer) -> Result<AutoMerge, ForgeError> {
    let words = answer.words();
    match answer.status {
        // The merge is scheduled. If no check is required, Gitea merges a moment later.
        StatusCode::CREATED => now(client, number).await,
        StatusCode::OK => Ok(AutoMerge::Merged),
        StatusCode::CONFLICT if words.contains("already scheduled") => now(client, number).await,
        StatusCode::METHOD_NOT_ALLOWED if words.contains("already merged") => Ok(AutoMerge::Merged),
        _ => match answer.error() {
            Some(error) => Ok(AutoMerge::Refused(error.to_string())),
            None => Err(client.unexpected(format!("status {} of a merge", answer.status))),
        },
    }
}

async fn now(client: &ForgeClient, number: u64) -> Result<AutoMerge, ForgeError> {
    let call = client.call(Method::GET, &["pulls", &number.to_string()]);
    let pull: PullWire = client.ask(&call).await?.json()?;
    Ok(if pull.merged { AutoMerge::Merged } else { AutoMerge::Scheduled })
}

/// Gitea's name of `method`, or the error that the repository does not allow it.
fn style(settings: &RepositorySettings, method: MergeMethod) -> Result<String, String> {
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
        // Gitea accepts this method, but the merge fails after the checks have passed.
        Some(false) => Err(format!(
            "the repository does not allow to merge by {name}: allow it in its settings or choose another method"
        )),
        _ => Ok(name.to_owned()),
    }
}
