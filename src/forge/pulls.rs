//! One open pull request per (head, base): found, created or brought up to date.

use http::Method;
use serde_json::json;

use super::error::ForgeError;
use super::place::Place;
use super::pull::{AutoMerge, Merge, Opened, Pull, PullError, PullRequest};
use super::repository::Dialect;
use super::wire::PullWire;
use super::{gitea, github, labels};

/// Whether the repository has pull requests turned on, or does not say.
pub(super) fn are_on(place: &Place) -> Result<(), ForgeError> {
    if place.settings.has_pull_requests == Some(false) {
        let why = "the repository has pull requests turned off: turn them on in its settings".to_owned();
        return Err(ForgeError::Refused { at: place.talk.at(), why });
    }
    Ok(())
}

/// Makes the pull request be there as `wanted`.
pub(super) async fn ensure(place: &Place, wanted: &PullRequest) -> Result<Pull, PullError> {
    are_on(place)?;
    let (pull, created) = find_or_create(place, wanted).await?;
    let opened = Opened { number: pull.number, url: pull.html_url.clone() };
    finish(place, wanted, pull, created).await.map_err(|error| PullError { error, pull: Some(opened) })
}

/// Brings what is there up to date.
async fn finish(
    place: &Place,
    wanted: &PullRequest,
    pull: PullWire,
    created: bool,
) -> Result<Pull, ForgeError> {
    if wanted.unchanged && !created {
        let (number, url, warnings) = (pull.number, pull.html_url, place.moved.iter().cloned().collect());
        return Ok(Pull { number, url, created, auto_merge: AutoMerge::Off, warnings });
    }
    // A merge that is scheduled has the message of its time.
    let outdated = !created && (update(place, &pull, wanted).await? || wanted.squash_message.is_some());
    let mut warnings: Vec<_> = place.moved.iter().cloned().collect();
    labels::add(place, &pull, &wanted.labels, &mut warnings).await;
    assign(place, &pull, &wanted.assignees, &mut warnings).await;
    let auto_merge = match wanted.auto_merge {
        None => AutoMerge::Off,
        Some(method) => {
            let message = wanted.squash_message.as_deref().map(subject_and_rest);
            auto_merge(place, &pull, &Merge { method, message, outdated }).await?
        }
    };
    Ok(Pull { number: pull.number, url: pull.html_url, created, auto_merge, warnings })
}

/// Closes the open pull request between two branches; its number, or none when there is none.
pub(super) async fn close(place: &Place, head: &str, base: &str) -> Result<Option<u64>, ForgeError> {
    let Some(pull) = find(place, head, base).await? else { return Ok(None) };
    let talk = place.talk.about(format!("close pull request {} of", pull.number));
    let call = talk.call(Method::PATCH, &["pulls", &pull.number.to_string()]);
    talk.ask(&call.body(json!({"state": "closed"}))).await?;
    Ok(Some(pull.number))
}

async fn find(place: &Place, head: &str, base: &str) -> Result<Option<PullWire>, ForgeError> {
    match place.talk.repository.dialect() {
        Dialect::Gitea => gitea::pulls::find(&place.talk, head, base).await,
        Dialect::GitHub => github::pulls::find(&place.talk, head, base).await,
    }
}

async fn find_or_create(place: &Place, wanted: &PullRequest) -> Result<(PullWire, bool), ForgeError> {
    if let Some(found) = find(place, &wanted.head, &wanted.base).await? {
        return Ok((found, false));
    }
    let body = json!({"head": wanted.head, "base": wanted.base, "title": wanted.title, "body": wanted.body});
    let answer = place.talk.send(&place.talk.call(Method::POST, &["pulls"]).body(body)).await?;
    // Gitea's 409, GitHub's 422: another run of ours was faster, or the answer to a first try was lost.
    if !answer.status.is_success()
        && answer.words().contains("already exists")
        && let Some(found) = find(place, &wanted.head, &wanted.base).await?
    {
        return Ok((found, false));
    }
    let made: PullWire = answer.ok()?.json()?;
    match place.talk.repository.dialect() {
        Dialect::Gitea => gitea::pulls::first(&place.talk, made).await,
        Dialect::GitHub => Ok((made, true)),
    }
}

fn subject_and_rest(message: &str) -> (&str, &str) {
    let (subject, rest) = message.trim().split_once('\n').unwrap_or((message.trim(), ""));
    (subject.trim_end(), rest.trim())
}

/// Brings title and body up to date; whether they were not.
async fn update(place: &Place, pull: &PullWire, wanted: &PullRequest) -> Result<bool, ForgeError> {
    if pull.title == wanted.title && pull.body.as_deref().unwrap_or_default() == wanted.body {
        return Ok(false);
    }
    let talk = place.talk.about(format!("update pull request {} of", pull.number));
    let call = talk.call(Method::PATCH, &["pulls", &pull.number.to_string()]);
    talk.ask(&call.body(json!({"title": wanted.title, "body": wanted.body}))).await?;
    Ok(true)
}

async fn assign(place: &Place, pull: &PullWire, logins: &[String], warnings: &mut Vec<String>) {
    let there: Vec<_> = pull.assignees.iter().flatten().map(|user| user.login.clone()).collect();
    let is_there = |login: &String| there.iter().any(|there| there.eq_ignore_ascii_case(login));
    let missing: Vec<_> = logins.iter().filter(|login| !is_there(login)).cloned().collect();
    if missing.is_empty() {
        return;
    }
    let talk = place.talk.about(format!("assign pull request {} of", pull.number));
    match talk.repository.dialect() {
        Dialect::Gitea => gitea::pulls::assign(&talk, pull.number, there, &missing, warnings).await,
        Dialect::GitHub => github::pulls::assign(&talk, pull.number, &missing, warnings).await,
    }
}

async fn auto_merge(place: &Place, pull: &PullWire, merge: &Merge<'_>) -> Result<AutoMerge, ForgeError> {
    match place.talk.repository.dialect() {
        Dialect::Gitea => gitea::merge::schedule(place, pull, merge).await,
        Dialect::GitHub => github::merge::schedule(place, pull, merge).await,
    }
}
