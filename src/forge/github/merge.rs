//! GitHub's auto-merge, which can be turned on only with the GraphQL API.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::forge::client::{ApiCall, ForgeClient};
use crate::forge::error::ForgeError;
use crate::forge::pull::{AutoMerge, AutoMergeRequest, MergeMethod};
use crate::forge::wire::PullWire;
use crate::forge::writable::{RepositorySettings, WritableRepository};

/// The pause between two requests for the mergeable state.
const PAUSE: Duration = Duration::from_millis(500);

const ENABLE: &str = "mutation($input: EnablePullRequestAutoMergeInput!) { \
    enablePullRequestAutoMerge(input: $input) { clientMutationId } }";

const DISABLE: &str = "mutation($input: DisablePullRequestAutoMergeInput!) { \
    disablePullRequestAutoMerge(input: $input) { clientMutationId } }";

/// A GraphQL answer. Errors have the status 200.
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

/// Turns auto-merge on. If there is nothing to wait for, GitHub refuses auto-merge, and the pull request is merged at
/// once.
pub(in crate::forge) async fn schedule(
    repo: &WritableRepository,
    pull: &PullWire,
    merge: &AutoMergeRequest<'_>,
) -> Result<AutoMerge, ForgeError> {
    let on = pull.auto_merge.as_ref().is_some_and(|on| !on.is_null());
    if on && !merge.outdated {
        return Ok(AutoMerge::Scheduled);
    }
    let method = match allowed(&repo.settings, merge.method) {
        Ok(method) => method,
        Err(refused) => return Ok(AutoMerge::Refused(refused)),
    };
    let client = repo.client.with_action(format!("merge pull request {} of", pull.number));
    let pull = settled(&client, pull.number).await?;
    if pull.mergeable == Some(false) {
        let (head, base) = (&pull.head.branch, &pull.base.branch);
        return Ok(AutoMerge::Refused(format!("cannot {}: `{head}` conflicts with `{base}`", client.at())));
    }
    let message = merge.message.filter(|_| method == "squash");
    if on {
        // GitHub keeps the message of the time when auto-merge was turned on, so it is turned off first. An error of
        // this request occurs again below.
        mutate(&client, DISABLE, json!({"pullRequestId": id(&client, &pull)?})).await?;
    }
    match enable(&client, &pull, method, message).await? {
        None => Ok(AutoMerge::Scheduled),
        Some(error) if error.message.contains("clean status") => {
            merge_now(repo, &client, &pull, method, message).await
        }
        Some(error) => Ok(AutoMerge::Refused(refusal(&client, &error.message))),
    }
}

/// Reads the pull request until GitHub knows whether it can be merged, or until the wait is over.
async fn settled(client: &ForgeClient, number: u64) -> Result<PullWire, ForgeError> {
    let deadline = Instant::now() + client.http.options.mergeable_wait;
    let call = client.call(Method::GET, &["pulls", &number.to_string()]);
    loop {
        let pull: PullWire = client.ask(&call).await?.json()?;
        if pull.mergeable.is_some() || Instant::now() >= deadline {
            return Ok(pull);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn enable(
    client: &ForgeClient,
    pull: &PullWire,
    method: &str,
    message: Option<(&str, &str)>,
) -> Result<Option<GraphQlError>, ForgeError> {
    let mut input = json!({"pullRequestId": id(client, pull)?, "mergeMethod": method.to_ascii_uppercase()});
    if let Some((subject, rest)) = message {
        input["commitHeadline"] = json!(subject);
        input["commitBody"] = json!(rest);
    }
    mutate(client, ENABLE, input).await
}

fn id<'a>(client: &ForgeClient, pull: &'a PullWire) -> Result<&'a str, ForgeError> {
    pull.node_id.as_deref().ok_or_else(|| client.unexpected("the pull request has no `node_id`"))
}

/// Runs a mutation. Returns GitHub's error, if there is one.
async fn mutate(client: &ForgeClient, query: &str, input: Value) -> Result<Option<GraphQlError>, ForgeError> {
    let call = ApiCall::new(Method::POST, client.repository.graphql_url());
    let call = call.body(json!({"query": query, "variables": {"input": input}}));
    let answer: GraphQl = client.ask(&call).await?.json()?;
    match answer.errors.into_iter().next() {
        Some(GraphQlError { message, kind }) if kind.as_deref() == Some("RATE_LIMITED") => {
            Err(ForgeError::Unavailable { at: client.at(), why: message, retry_after: None, cause: None })
        }
        error => Ok(error),
    }
}

/// GitHub's refusal, with what to do about the most frequent ones.
fn refusal(client: &ForgeClient, message: &str) -> String {
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
    format!("cannot {}: GitHub says: {message}{mend}", client.at())
}

/// Merges exactly the commit that was checked. Deletes the head branch if the repository does not do so itself.
async fn merge_now(
    repo: &WritableRepository,
    client: &ForgeClient,
    pull: &PullWire,
    method: &str,
    message: Option<(&str, &str)>,
) -> Result<AutoMerge, ForgeError> {
    let call = client.call(Method::PUT, &["pulls", &pull.number.to_string(), "merge"]);
    let mut body = json!({"merge_method": method, "sha": pull.head.sha});
    if let Some((subject, rest)) = message {
        body["commit_title"] = json!(subject);
        body["commit_message"] = json!(rest);
    }
    let answer = client.send(&call.body(body)).await?;
    if let Some(error) = answer.error() {
        // The merge may have succeeded although the answer was lost.
        let call = client.call(Method::GET, &["pulls", &pull.number.to_string()]);
        let now: PullWire = client.ask(&call).await?.json()?;
        if !now.merged {
            return Ok(AutoMerge::Refused(error.to_string()));
        }
    }
    if repo.settings.delete_branch_on_merge != Some(true) {
        let branch: Vec<_> =
            ["git", "refs", "heads"].into_iter().chain(pull.head.branch.split('/')).collect();
        if let Err(error) = client.ask(&client.call(Method::DELETE, &branch)).await {
            tracing::warn!(%error, "the branch `{}` of a merged pull request stays", pull.head.branch);
        }
    }
    Ok(AutoMerge::Merged)
}

/// GitHub's name of `method`, or the error that the repository does not allow it.
fn allowed(settings: &RepositorySettings, method: MergeMethod) -> Result<&'static str, String> {
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
