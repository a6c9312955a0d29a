//! Finds, creates or updates the one open pull request for a head and a base.

use http::Method;
use serde_json::json;

use super::error::ForgeError;
use super::pull::{AutoMerge, AutoMergeRequest, OpenPull, Pull, PullError, PullRequest};
use super::repository::Dialect;
use super::wire::PullWire;
use super::writable::WritableRepository;
use super::{gitea, github, labels};

/// Fails if the repository has pull requests turned off. If it does not say, they count as turned on.
pub(super) fn check_enabled(repo: &WritableRepository) -> Result<(), ForgeError> {
    if repo.settings.has_pull_requests == Some(false) {
        let why = "the repository has pull requests turned off: turn them on in its settings".to_owned();
        return Err(ForgeError::Refused { at: repo.client.at(), why });
    }
    Ok(())
}

/// Creates or updates the pull request so that it is as `wanted`.
pub(super) async fn ensure(repo: &WritableRepository, wanted: &PullRequest) -> Result<Pull, PullError> {
    check_enabled(repo)?;
    let (pull, created) = find_or_create(repo, wanted).await?;
    let opened = OpenPull { number: pull.number, url: pull.html_url.clone() };
    finish(repo, wanted, pull, created).await.map_err(|error| PullError { error, pull: Some(opened) })
}

/// Updates the pull request, its labels and its assignees, and requests auto-merge.
async fn finish(
    repo: &WritableRepository,
    wanted: &PullRequest,
    pull: PullWire,
    created: bool,
) -> Result<Pull, ForgeError> {
    if wanted.unchanged && !created {
        let (number, url, warnings) = (pull.number, pull.html_url, repo.moved.iter().cloned().collect());
        return Ok(Pull { number, url, created, auto_merge: AutoMerge::Off, warnings });
    }
    // A merge that is already scheduled keeps the message that it was scheduled with.
    let outdated = !created && (update(repo, &pull, wanted).await? || wanted.squash_message.is_some());
    let mut warnings: Vec<_> = repo.moved.iter().cloned().collect();
    labels::add(repo, &pull, &wanted.labels, &mut warnings).await;
    assign(repo, &pull, &wanted.assignees, &mut warnings).await;
    let auto_merge = match wanted.auto_merge {
        None => AutoMerge::Off,
        Some(method) => {
            let message = wanted.squash_message.as_deref().map(subject_and_rest);
            auto_merge(repo, &pull, &AutoMergeRequest { method, message, outdated }).await?
        }
    };
    Ok(Pull { number: pull.number, url: pull.html_url, created, auto_merge, warnings })
}

/// Closes the open pull request between two branches. Returns its number, or `None` if there is none.
pub(super) async fn close(
    repo: &WritableRepository,
    head: &str,
    base: &str,
) -> Result<Option<u64>, ForgeError> {
    let Some(pull) = find(repo, head, base).await? else { return Ok(None) };
    let client = repo.client.with_action(format!("close pull request {} of", pull.number));
    let call = client.call(Method::PATCH, &["pulls", &pull.number.to_string()]);
    client.ask(&call.body(json!({"state": "closed"}))).await?;
    Ok(Some(pull.number))
}

async fn find(repo: &WritableRepository, head: &str, base: &str) -> Result<Option<PullWire>, ForgeError> {
    match repo.client.repository.dialect() {
        Dialect::Gitea => gitea::pulls::find(&repo.client, head, base).await,
        Dialect::GitHub => github::pulls::find(&repo.client, head, base).await,
    }
}

async fn find_or_create(
    repo: &WritableRepository,
    wanted: &PullRequest,
) -> Result<(PullWire, bool), ForgeError> {
    if let Some(found) = find(repo, &wanted.head, &wanted.base).await? {
        return Ok((found, false));
    }
    let body = json!({"head": wanted.head, "base": wanted.base, "title": wanted.title, "body": wanted.body});
    let answer = repo.client.send(&repo.client.call(Method::POST, &["pulls"]).body(body)).await?;
    // Gitea answers 409, GitHub 422, if another run of ours was faster, or if the answer to our first attempt was
    // lost.
    if !answer.status.is_success()
        && answer.words().contains("already exists")
        && let Some(found) = find(repo, &wanted.head, &wanted.base).await?
    {
        return Ok((found, false));
    }
    let made: PullWire = answer.ok()?.json()?;
    match repo.client.repository.dialect() {
        Dialect::Gitea => gitea::pulls::first(&repo.client, made).await,
        Dialect::GitHub => Ok((made, true)),
    }
}

fn subject_and_rest(message: &str) -> (&str, &str) {
    let (subject, rest) = message.trim().split_once('\n').unwrap_or((message.trim(), ""));
    (subject.trim_end(), rest.trim())
}

/// Updates title and body. Returns whether they were outdated.
async fn update(
    repo: &WritableRepository,
    pull: &PullWire,
    wanted: &PullRequest,
) -> Result<bool, ForgeError> {
    if pull.title == wanted.title && pull.body.as_deref().unwrap_or_default() == wanted.body {
        return Ok(false);
    }
    let client = repo.client.with_action(format!("update pull request {} of", pull.number));
    let call = client.call(Method::PATCH, &["pulls", &pull.number.to_string()]);
    client.ask(&call.body(json!({"title": wanted.title, "body": wanted.body}))).await?;
    Ok(true)
}

async fn assign(repo: &WritableRepository, pull: &PullWire, logins: &[String], warnings: &mut Vec<String>) {
    let there: Vec<_> = pull.assignees.iter().flatten().map(|user| user.login.clone()).collect();
    let is_there = |login: &String| there.iter().any(|there| there.eq_ignore_ascii_case(login));
    let missing: Vec<_> = logins.iter().filter(|login| !is_there(login)).cloned().collect();
    if missing.is_empty() {
        return;
    }
    let client = repo.client.with_action(format!("assign pull request {} of", pull.number));
    match client.repository.dialect() {
        Dialect::Gitea => gitea::pulls::assign(&client, pull.number, there, &missing, warnings).await,
        Dialect::GitHub => github::pulls::assign(&client, pull.number, &missing, warnings).await,
    }
}

async fn auto_merge(
    repo: &WritableRepository,
    pull: &PullWire,
    merge: &AutoMergeRequest<'_>,
) -> Result<AutoMerge, ForgeError> {
    match repo.client.repository.dialect() {
        Dialect::Gitea => gitea::merge::schedule(repo, pull, merge).await,
        Dialect::GitHub => github::merge::schedule(repo, pull, merge).await,
    }
}
