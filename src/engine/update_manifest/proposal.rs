//! `mode: pull-request`: puts the commit on its own branch and opens one pull request for it.

use std::sync::Arc;

use super::api::Api;
use super::intent::Intent;
use super::words::{FileChange, Words};
use crate::engine::Engine;
use crate::engine::context::Cx;
use crate::forge::{self, AutoMerge, OpenPull, Pull, PullError};
use crate::outcome::{Fault, StepError};
use crate::step::UpdateManifest;
use crate::step::update_manifest::PullRequest;
use crate::write_back::Landed;

/// The pull request that holds the change.
pub(super) struct Proposed {
    pub(super) number: u64,
    pub(super) url: String,
    created: bool,
    merges: String,
    warnings: Vec<String>,
}

impl Proposed {
    pub(super) fn summary(&self, place: &str) -> String {
        let did = if self.created { "opened" } else { "updated" };
        let mut said = format!("{did} pull request {} for {place}{}", self.number, self.merges);
        for warning in &self.warnings {
            said.push_str(&format!("; {warning}"));
        }
        said
    }
}

/// The head branch's name, without characters that Git does not allow.
pub(super) fn head(pull: &PullRequest, update: &UpdateManifest, words: &Words) -> Result<String, StepError> {
    let name = match &pull.branch {
        Some(template) => words.fill(template, &[]),
        None => format!("argo-buildkit/{}/{}", update.branch, subject(update)),
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\{}".contains(c);
    let name: String = name.chars().map(|c| if odd(c) { '-' } else { c }).collect();
    if name == update.branch {
        return Err(StepError::user(format!(
            "update-manifest.pull-request.branch: is the branch `{name}` itself; name another one"
        )));
    }
    Ok(name)
}

/// The subject of the change: the image, or the first file.
fn subject(update: &UpdateManifest) -> String {
    let file = || update.targets.first().map(|target| target.file.to_string()).unwrap_or_default();
    update.image.as_ref().map_or_else(file, |image| image.repository().to_owned())
}

/// The error that prevented a correct pull request, and the existing pull request, if any.
pub(super) struct Unproposed {
    pub(super) error: StepError,
    pub(super) pull: Option<OpenPull>,
}

impl From<StepError> for Unproposed {
    fn from(error: StepError) -> Self {
        Self { error, pull: None }
    }
}

/// Opens or updates the pull request. There is none if the branch does not differ from its base.
pub(super) async fn propose(
    engine: &Engine,
    update: &UpdateManifest,
    pull: &PullRequest,
    intent: &Arc<Intent>,
    landed: &mut Landed,
    api: &Api,
    cx: &Cx,
) -> Result<Option<Proposed>, Unproposed> {
    if landed.superseded_by.is_some() {
        return Ok(None);
    }
    if landed.commit == landed.base {
        obsolete(engine, update, pull, intent, api).await?;
        return Ok(None);
    }
    cx.now(format!("opening a pull request for {} of {}", update.branch, update.repo));
    let Api { repository, token } = api;
    let LandedTexts { changes, message } = texts(intent, landed).await?;
    let words = &intent.words;
    let fill = |template| words.fill(template, &changes);
    let wanted = forge::PullRequest {
        head: head(pull, update, words)?,
        base: update.branch.clone(),
        title: pull.title.as_ref().map_or_else(|| intent.subject(&changes), fill),
        body: pull.body.as_ref().map_or_else(
            || body(words, &changes, &repository.compare_url(&landed.base, &landed.commit)),
            fill,
        ),
        labels: pull.labels.clone(),
        assignees: pull.assignees.clone(),
        unchanged: landed.files.is_empty(),
        auto_merge: pull.auto_merge,
        squash_message: message,
    };
    match engine.forge.pull_request(repository, token, &wanted).await {
        Ok(opened) => Ok(Some(proposed(opened))),
        Err(PullError { error, pull }) => Err(Unproposed { error: error.into(), pull }),
    }
}

/// The landed changes, for texts about them.
struct LandedTexts {
    changes: Vec<FileChange>,
    /// The whole message of one commit with all changes; `None` if nothing changed.
    message: Option<String>,
}

/// Reads the landed changes again, on a blocking thread because the files may be large.
async fn texts(intent: &Arc<Intent>, landed: &mut Landed) -> Result<LandedTexts, StepError> {
    let (intent, files) = (Arc::clone(intent), std::mem::take(&mut landed.files));
    let read = tokio::task::spawn_blocking(move || {
        let texts = LandedTexts { changes: intent.changes(&files), message: intent.message(&files) };
        (texts, files)
    });
    let broken = |e| StepError::new(Fault::Ours, format!("reading what landed broke off: {e}"));
    let (texts, files) = read.await.map_err(broken)?;
    landed.files = files;
    Ok(texts)
}

/// Closes the pull request for the image if the base branch already has the wanted values. A pull request on a branch
/// that the user named stays open, because it may contain more than this image.
async fn obsolete(
    engine: &Engine,
    update: &UpdateManifest,
    pull: &PullRequest,
    intent: &Intent,
    api: &Api,
) -> Result<(), StepError> {
    if pull.branch.is_some() || update.image.is_none() {
        return Ok(());
    }
    let head = head(pull, update, &intent.words)?;
    engine.forge.close_pull_request(&api.repository, &api.token, &head, &update.branch).await?;
    Ok(())
}

fn proposed(pull: Pull) -> Proposed {
    let Pull { number, url, created, auto_merge, warnings } = pull;
    let merges = match auto_merge {
        AutoMerge::Off => String::new(),
        AutoMerge::Scheduled => ", which merges when its checks pass".to_owned(),
        AutoMerge::Merged => ", which is merged".to_owned(),
        AutoMerge::Refused(why) => format!(", which does not merge itself: {why}"),
    };
    Proposed { number, url, created, merges, warnings }
}

/// The pull request's text: old and new values, the image's source, and the requesting workflow.
fn body(words: &Words, changes: &[FileChange], compare: &str) -> String {
    let mut text = String::from("| file | value | old | new |\n|---|---|---|---|\n");
    for FileChange { file, change } in changes {
        let cell = |value: &str| {
            if value.is_empty() { String::new() } else { format!("`{}`", value.replace('|', "\\|")) }
        };
        let (path, old, new) = (cell(&change.path), cell(&change.old), cell(&change.new));
        text.push_str(&format!("| {} | {path} | {old} | {new} |\n", cell(file)));
    }
    text.push_str(&format!("\n[Compare]({compare})\n"));
    if let Some((repo, commit)) = &words.source {
        text.push_str(&format!("\nSource: {commit} of {repo}\n"));
    }
    let workflow = match &words.workflow_url {
        Some(url) => format!("[{}]({url})", words.workflow),
        None => format!("`{}`", words.workflow),
    };
    text.push_str(&format!("\nWorkflow: {workflow}\n"));
    text
}
