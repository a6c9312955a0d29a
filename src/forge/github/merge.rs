//! GitHub's auto-merge, which only its GraphQL API turns on.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::forge::error::ForgeError;
use crate::forge::place::{Place, Settings};
use crate::forge::pull::{AutoMerge, Merge, MergeMethod};
use crate::forge::talk::{Call, Talk};
use crate::forge::wire::PullWire;

/// Between two questions whether a pull request can be merged.
const PAUSE: Duration = Duration::from_millis(500);

const ENABLE: &str = "mutation($input: EnablePullRequestAutoMergeInput!) { \
    enablePullRequestAutoMerge(input: $input) { clientMutationId } }";

const DISABLE: &str = "mutation($input: DisablePullRequestAutoMergeInput!) { \
    disablePullRequestAutoMerge(input: $input) { clientMutationId } }";

/// A GraphQL answer: errors come with status 200.
#[derive(Deserialize)]
struct GraphQl {
    #[serde(default)]
    errors: Vec<GraphQlError>,
}

#[derive(Deserialize)]
struct GraphQlError {
    message: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Turns auto-merge on, or merges where nothing is left to wait for: GitHub refuses auto-merge then.
pub(in crate::forge) async fn schedule(
    place: &Place,
    pull: &PullWire,
    merge: &Merge<'_>,
) -> Result<AutoMerge, ForgeError> {
    let on = pull.auto_merge.as_ref().is_some_and(|on| !on.is_null());
    if on && !merge.outdated {
        return Ok(AutoMerge::Scheduled);
    }
    let method = match allowed(&place.settings, merge.method) {
        Ok(method) => method,
        Err(refused) => return Ok(AutoMerge::Refused(refused)),
    };
    let talk = place.talk.about(format!("merge pull request {} of", pull.number));
    let pull = settled(&talk, pull.number).await?;
    if pull.mergeable == Some(false) {
        let (head, base) = (&pull.head.branch, &pull.base.branch);
        return Ok(AutoMerge::Refused(format!("cannot {}: `{head}` conflicts with `{base}`", talk.at())));
    }
    let message = merge.message.filter(|_| method == "squash");
    if on {
        // GitHub keeps the message that it was turned on with. What it says to this is said again below.
        mutate(&talk, DISABLE, json!({"pullRequestId": id(&talk, &pull)?})).await?;
    }
    match enable(&talk, &pull, method, message).await? {
        None => Ok(AutoMerge::Scheduled),
        Some(error) if error.message.contains("clean status") => {
            merge_now(place, &talk, &pull, method, message).await
        }
        Some(error) => Ok(AutoMerge::Refused(refusal(&talk, &error.message))),
    }
}

/// The pull request once GitHub knows whether it can be merged, or as it is when the wait is over.
async fn settled(talk: &Talk, number: u64) -> Result<PullWire, ForgeError> {
    let deadline = Instant::now() + talk.http.options.mergeable_wait;
    let call = talk.call(Method::GET, &["pulls", &number.to_string()]);
    loop {
        let pull: PullWire = talk.ask(&call).await?.json()?;
        if pull.mergeable.is_some() || Instant::now() >= deadline {
            return Ok(pull);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn enable(
    talk: &Talk,
    pull: &PullWire,
    method: &str,
    message: Option<(&str, &str)>,
) -> Result<Option<GraphQlError>, ForgeError> {
    let mut input = json!({"pullRequestId": id(talk, pull)?, "mergeMethod": method.to_ascii_uppercase()});
    if let Some((subject, rest)) = message {
        input["commitHeadline"] = json!(subject);
        input["commitBody"] = json!(rest);
    }
    mutate(talk, ENABLE, input).await
}

fn id<'a>(talk: &Talk, pull: &'a PullWire) -> Result<&'a str, ForgeError> {
    pull.node_id.as_deref().ok_or_else(|| talk.unexpected("the pull request has no `node_id`"))
}

/// Why GitHub did not do it, if so.
async fn mutate(talk: &Talk, query: &str, input: Value) -> Result<Option<GraphQlError>, ForgeError> {
    let call = Call::new(Method::POST, talk.repository.graphql_url());
    let call = call.body(json!({"query": query, "variables": {"input": input}}));
    let answer: GraphQl = talk.ask(&call).await?.json()?;
    match answer.errors.into_iter().next() {
        Some(GraphQlError { message, kind }) if kind.as_deref() == Some("RATE_LIMITED") => {
            Err(ForgeError::Unavailable { at: talk.at(), why: message, retry_after: None, cause: None })
        }
        error => Ok(error),
    }
}

/// What GitHub said, and what to do about those refusals that users meet first.
fn refusal(talk: &Talk, message: &str) -> String {
    let mend = match () {
        () if message.contains("not allowed for this repository") => {
            "; turn on \"Allow auto-merge\" in the repository's settings"
        }
        () if message.contains("rules not configured") => "; protect the base branch with a required check",
        () if message.contains("unstable status") => {
            "; a check has failed or runs still, and none is required"
        }
        () => "",
    };
    format!("cannot {}: GitHub says: {message}{mend}", talk.at())
}

/// Merges exactly the commit that was looked at, and deletes the head branch where the repository does not itself.
async fn merge_now(
    place: &Place,
    talk: &Talk,
    pull: &PullWire,
    method: &str,
    message: Option<(&str, &str)>,
) -> Result<AutoMerge, ForgeError> {
    let call = talk.call(Method::PUT, &["pulls", &pull.number.to_string(), "merge"]);
    let mut body = json!({"merge_method": method, "sha": pull.head.sha});
    if let Some((subject, rest)) = message {
        body["commit_title"] = json!(subject);
        body["commit_message"] = json!(rest);
    }
    let answer = talk.send(&call.body(body)).await?;
    if let Some(error) = answer.error() {
        // The answer to a first try may have been lost.
        let call = talk.call(Method::GET, &["pulls", &pull.number.to_string()]);
        let now: PullWire = talk.ask(&call).await?.json()?;
        if !now.merged {
            return Ok(AutoMerge::Refused(error.to_string()));
        }
    }
    if place.settings.delete_branch_on_merge != Some(true) {
        let branch: Vec<_> =
            ["git", "refs", "heads"].into_iter().chain(pull.head.branch.split('/')).collect();
        if let Err(error) = talk.ask(&talk.call(Method::DELETE, &branch)).await {
            tracing::warn!(%error, "the branch `{}` of a merged pull request stays", pull.head.branch);
        }
    }
    Ok(AutoMerge::Merged)
}

/// The name of `method` here, or why the repository does not merge so.
fn allowed(settings: &Settings, method: MergeMethod) -> Result<&'static str, String> {
    let methods = [
        (MergeMethod::Merge, "merge", settings.allow_merge_commit),
        (MergeMethod::Squash, "squash", settings.allow_squash_merge),
        (MergeMethod::Rebase, "rebase", settings.allow_rebase_merge),
    ];
    let mut fitting = methods.into_iter().filter(|(m, ..)| method == MergeMethod::Default || method == *m);
    match fitting.find(|(.., allowed)| *allowed != Some(false)) {
        Some((_, name, _)) => Ok(name),
        None => Err(format!(
            "the repository does not allow to merge by {}: allow it in its settings or choose another method",
            format!("{method:?}").to_ascii_lowercase()
        )),
    }
}
