//! One open pull request per (head, base): found, created or brought up to date.

mod wire;

use http::Method;
use serde_json::json;

pub(super) use wire::{LabelWire, PullWire, UserWire};

use super::error::ForgeError;
use super::place::Place;
use super::repository::Dialect;
use super::{gitea, github, labels};

/// A pull request as it should be. Head and base are branches of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The branch with the change.
    pub head: String,
    /// The branch that the change is for.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Names of labels to add; those that people put there stay.
    pub labels: Vec<String>,
    /// Login names of people to assign; those that are assigned already stay.
    pub assignees: Vec<String>,
    /// Whether the head has not changed: a pull request that is open stays as it is.
    pub unchanged: bool,
    /// Merge it by itself once its required checks have passed. None leaves alone what is scheduled, perhaps by hand.
    pub auto_merge: Option<MergeMethod>,
    /// The message of the commit that a squash makes, subject first. Without it the forge takes the title alone, and
    /// the trailers of the commits are lost to the base's history. A merge that is scheduled already gets the newer
    /// message when title or body are newer, too.
    pub squash_message: Option<String>,
}

/// How to merge a pull request by itself.
pub(super) struct Merge<'a> {
    pub(super) method: MergeMethod,
    /// Subject and the rest, for a squash.
    pub(super) message: Option<(&'a str, &'a str)>,
    /// Whether a merge that is scheduled already would be with an outdated message.
    pub(super) outdated: bool,
}

/// How a pull request becomes part of its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeMethod {
    /// What the merge button does: the repository's default on Gitea; on GitHub, whose API tells no default, the first
    /// that the repository allows of merge, squash and rebase. A merge keeps our commit, and so its trailers.
    #[default]
    Default,
    /// A merge commit.
    Merge,
    /// One new commit, whose message the forge writes.
    Squash,
    /// The commits put on top of the base.
    Rebase,
}

/// A pull request that is open, or was merged at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// Whether it was opened by this call.
    pub created: bool,
    /// What became of the wish to merge it.
    pub auto_merge: AutoMerge,
    /// What was not done though asked for, such as a label for want of a scope: each one sentence for people.
    pub warnings: Vec<String>,
}

/// What became of the wish to merge a pull request by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AutoMerge {
    /// It was not asked for.
    Off,
    /// It will be merged when its checks have passed.
    Scheduled,
    /// It is merged.
    Merged,
    /// It stays open, and why: conflicts, a method that the repository does not allow, no right to merge.
    Refused(String),
}

/// A pull request that is open, whatever else went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub url: String,
}

/// A pull request that is not as it should be.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct PullError {
    /// What failed.
    #[source]
    pub error: ForgeError,
    /// The pull request, if there is one by now.
    pub pull: Option<Opened>,
}

impl From<ForgeError> for PullError {
    fn from(error: ForgeError) -> Self {
        Self { error, pull: None }
    }
}

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
