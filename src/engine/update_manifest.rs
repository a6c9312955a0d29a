//! `update-manifest`: values into manifests, one commit, no clone.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Engine;
use super::context::Cx;
use crate::git::{Files, GitError, Identity, Landed, WriteBack, WriteError};
use crate::manifest::{self, Edit};
use crate::outcome::{Outputs, StepError, Success, chain};
use crate::step::UpdateManifest;

/// How long conflicts with other writers are retried. The step's own timeout may end it sooner.
const PATIENCE: Duration = Duration::from_secs(300);

/// The largest diff returned, in bytes: a node's outputs live in etcd.
const DIFF_LIMIT: usize = 16 << 10;

/// The trailer by which the bundled Sensor knows our own commits.
const MANAGED_BY: &str = "Managed-By: argo-buildkit";

pub(super) async fn run(engine: &Engine, update: &UpdateManifest, cx: &Cx) -> Result<Success, StepError> {
    cx.now(format!("reading {} of {}", update.branch, update.repo));
    let credentials = engine.git_credentials(cx, &update.repo, update.secret.as_ref()).await?;
    let edits = edits(update);
    let files: Vec<_> = edits.keys().cloned().collect();
    let request = WriteBack {
        repo: update.repo.clone(),
        credentials,
        branch: update.branch.clone(),
        author: identity(update),
        committer: identity(update),
        message: message(update, &files, cx),
        paths: files,
        deadline: Instant::now() + PATIENCE,
        push_gate: cx.gate.clone(),
    };
    let landed = engine.git.write_back(&request, &|files| apply(&edits, files)).await.map_err(write_error)?;
    engine.metrics.pushed(landed.attempts.into());
    Ok(success(update, &landed))
}

/// The edits of each file, in the order in which they are written.
fn edits(update: &UpdateManifest) -> BTreeMap<String, Vec<Edit>> {
    let mut edits = BTreeMap::<_, Vec<_>>::new();
    for target in &update.targets {
        edits.entry(target.file.clone()).or_default().extend(target.edits.iter().cloned());
    }
    edits
}

/// The files that the edits change, as they are afterwards.
fn apply(edits: &BTreeMap<String, Vec<Edit>>, files: &Files) -> Result<Files, StepError> {
    let mut changed = Files::new();
    for (path, bytes) in files {
        let edits = edits.get(path).map(Vec::as_slice).unwrap_or_default();
        let edited =
            manifest::apply(bytes, edits).map_err(|e| StepError::new(e.fault(), format!("{path}:{e}")))?;
        if edited.changed {
            changed.insert(path.clone(), edited.bytes);
        }
    }
    Ok(changed)
}

fn message(update: &UpdateManifest, files: &[String], cx: &Cx) -> String {
    let text = update.message.clone().unwrap_or_else(|| format!("Update {}", files.join(", ")));
    let workflow = format!("Workflow: {}/{}", cx.workflow.namespace, cx.workflow.name);
    format!("{}\n\n{workflow}\n{MANAGED_BY}\n", text.trim_end())
}

fn identity(update: &UpdateManifest) -> Identity {
    Identity { name: update.author.name.clone(), email: update.author.email.clone() }
}

fn write_error(error: WriteError<StepError>) -> StepError {
    match error {
        WriteError::Edit(error) => error,
        WriteError::Git(error) => error.into(),
    }
}

impl From<GitError> for StepError {
    fn from(error: GitError) -> Self {
        Self::new(error.fault(), chain(&error))
    }
}

fn success(update: &UpdateManifest, landed: &Landed) -> Success {
    let short = &landed.commit[..landed.commit.len().min(10)];
    let summary = match landed.changed {
        true => format!("committed {short} to {} of {}", update.branch, update.repo),
        false => format!("nothing to change: {} of {} is at {short}", update.branch, update.repo),
    };
    let outputs = Outputs::from([
        ("commit".to_owned(), landed.commit.clone()),
        ("changed".to_owned(), landed.changed.to_string()),
        ("diff".to_owned(), diff(landed)),
    ]);
    Success { summary, outputs }
}

fn diff(landed: &Landed) -> String {
    let mut text: String =
        landed.files.iter().map(|file| manifest::unified_diff(&file.path, &file.old, &file.new)).collect();
    if text.len() > DIFF_LIMIT {
        text.truncate(text.floor_char_boundary(DIFF_LIMIT));
        text.push_str("\n… (cut)\n");
    }
    text
}
