//! Reverts our commit when its deployment has failed (`on-degraded: revert`).

mod inverse;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::report;
use super::shared::{CommitFailure, Shared, Target};
use crate::argocd::short;
use crate::engine::Engine;
use crate::engine::context::Cx;
use crate::engine::update_manifest::signing_key;
use crate::git::read::Branches;
use crate::git::store::LogEntry;
use crate::git::{FileSpec, Git};
use crate::metrics::WriteBackResult;
use crate::outcome::StepError;
use crate::step::sync::{OnDegraded, Revert};
use crate::step::{Sync, UpdateManifest};
use crate::time_limits::within;
use crate::write_back::{Files, WorkflowPart, WriteBack, WriteError, part_of, reverted_by_workflow, reverts};
use inverse::{Inverse, file_of};

/// How an attempt to revert our commit has ended.
enum RevertEnd {
    /// This commit reverts it.
    Reverted(String),
    /// Nothing was written, for this reason.
    Refused(String),
}

/// What is known before anything is written.
enum Plan {
    Known(RevertEnd),
    Write(Box<Inverse>),
}

/// Everything that an attempt needs.
struct Attempt<'a> {
    shared: &'a Shared<'a>,
    revert: &'a Revert,
    commit: &'a str,
}

/// The error of a step whose commit is reverted already: an earlier run of this step was stopped after it had written the revert. If
/// the repository cannot be read now, the wait begins nevertheless.
pub(super) async fn reverted_earlier(shared: &Shared<'_>) -> Option<StepError> {
    let attempt = Attempt::of(shared)?;
    match attempt.log().await {
        Ok(log) => attempt
            .reverted_by(&log)
            .map(|by| report::reverted_earlier(attempt.commit, &by, &attempt.revert.branch)),
        Err(error) => {
            warn!(error = %error.message, "cannot tell whether commit {} was reverted", attempt.commit);
            None
        }
    }
}

/// The error of a node that has reverted its commit and begins again: it was stopped before it could say so, or it is retried. Its
/// `update` would commit the same values once more.
pub(in crate::engine) async fn reverted_by_node(
    engine: &Engine,
    update: &UpdateManifest,
    revert: &Revert,
    cx: &Cx,
) -> Option<StepError> {
    let log = log(engine, revert, None, cx).await.unwrap_or_else(|error| {
        warn!(error = %error.message, "cannot tell whether this workflow has reverted its commit");
        Vec::new()
    });
    log.iter().find_map(|entry| {
        let commit =
            reverted_by_workflow(&entry.message, &cx.workflow.uid, |manifest| sets(update, manifest))?;
        Some(report::reverted_earlier(&commit, &entry.oid.to_string(), &revert.branch))
    })
}

/// Whether `update` sets the manifest of a trailer `FILE TARGET`.
fn sets(update: &UpdateManifest, manifest: &str) -> bool {
    update.targets.iter().any(|target| {
        target.edits.iter().any(|edit| {
            let file =
                manifest.strip_suffix(&edit.target.to_string()).and_then(|file| file.strip_suffix(' '));
            file.is_some_and(|file| target.file.matches(file))
        })
    })
}

async fn branches(engine: &Engine, revert: &Revert, cx: &Cx) -> Result<Branches, StepError> {
    let Revert { gitops, branch, .. } = revert;
    let credentials = engine.git_credentials(cx, &gitops.repo, gitops.secret.as_ref()).await?;
    Ok(Branches { repo: gitops.repo.clone(), credentials, base: branch.clone(), head: None })
}

/// The last commits of the branch: as many as it takes to reach `down_to`, if it is given.
async fn log(
    engine: &Engine,
    revert: &Revert,
    down_to: Option<&str>,
    cx: &Cx,
) -> Result<Vec<LogEntry>, StepError> {
    Ok(engine.tenant_git(cx).branch_log(&branches(engine, revert, cx).await?, down_to).await?)
}

/// Reverts the commit of a deployment that has failed. The error also says which commit reverts it, or why none does.
pub(super) async fn after_failure(
    shared: &Shared<'_>,
    targets: &[Target<'_>],
    failure: CommitFailure,
) -> StepError {
    let Some(attempt) = Attempt::of(shared) else { return failure.error };
    let Attempt { revert, commit, .. } = attempt;
    let (branch, repo) = (&revert.branch, &revert.gitops.repo);
    shared.cx.now(format!("reverting {} on {branch} of {repo}", short(commit)));
    let end = attempt.run(&failure).await.unwrap_or_else(|error| RevertEnd::Refused(error.message));
    match end {
        RevertEnd::Reverted(by) => {
            info!(%commit, %by, "reverted the commit: {}", failure.cause);
            let untold = attempt.refresh(targets).await;
            report::reverted(failure.error, commit, &by, &format!("{branch} of {repo}{untold}"))
        }
        RevertEnd::Refused(why) => {
            info!(%commit, %why, "did not revert the commit");
            report::not_reverted(failure.error, commit, &why)
        }
    }
}

impl<'a> Attempt<'a> {
    /// `None` if the step does not revert, or names no commit.
    fn of(shared: &'a Shared<'a>) -> Option<Self> {
        match (&shared.sync.on_degraded, &shared.sync.commit) {
            (OnDegraded::Revert(revert), Some(commit)) => Some(Self { shared, revert, commit }),
            _ => None,
        }
    }

    async fn run(&self, failure: &CommitFailure) -> Result<RevertEnd, StepError> {
        if failure.was_degraded_before {
            return Ok(RevertEnd::Refused("the Application was Degraded before it".to_owned()));
        }
        let limit = self.shared.deadline().saturating_duration_since(Instant::now());
        let planned = within(limit, "the server of the GitOps repository", self.plan(&failure.cause)).await;
        match planned.map_err(|late| StepError::transient(late.to_string()))?? {
            Plan::Known(end) => Ok(end),
            Plan::Write(inverse) => self.write(*inverse).await,
        }
    }

    fn git(&self) -> Git {
        self.shared.engine.tenant_git(self.shared.cx)
    }

    async fn branches(&self) -> Result<Branches, StepError> {
        branches(self.shared.engine, self.revert, self.shared.cx).await
    }

    /// The commits of the branch down to ours.
    async fn log(&self) -> Result<Vec<LogEntry>, StepError> {
        log(self.shared.engine, self.revert, Some(self.commit), self.shared.cx).await
    }

    /// Our commit.
    fn ours<'l>(&self, log: &'l [LogEntry]) -> Option<&'l LogEntry> {
        log.iter().find(|entry| entry.oid.to_string() == self.commit)
    }

    /// The part of our commit that is this step's.
    fn part(&self, ours: &LogEntry) -> Result<WorkflowPart, &'static str> {
        let Sync { images, applications, .. } = self.shared.sync;
        let of_each = applications.iter().filter_map(|each| each.images.as_ref()).flatten();
        let images: Vec<_> = images.iter().chain(of_each).cloned().collect();
        part_of(&ours.message, &self.shared.cx.workflow.full_name(), &images)
    }

    /// The first commit of `log` that takes ours back, or this step's part of it.
    fn reverted_by(&self, log: &[LogEntry]) -> Option<String> {
        let part = self.ours(log).and_then(|ours| self.part(ours).ok());
        let is_it = |entry: &&LogEntry| match &part {
            Some(part) => part.is_reverted_by(&entry.message, self.commit),
            None => reverts(&entry.message, self.commit),
        };
        log.iter().find(is_it).map(|entry| entry.oid.to_string())
    }

    /// Reads what our commit changed.
    async fn plan(&self, cause: &str) -> Result<Plan, StepError> {
        let refused = |why: &str| Ok(Plan::Known(RevertEnd::Refused(why.to_owned())));
        let log = self.log().await?;
        if let Some(by) = self.reverted_by(&log) {
            return Ok(Plan::Known(RevertEnd::Reverted(by)));
        }
        let Some(ours) = self.ours(&log) else {
            return refused(&format!("it is not among the last commits of branch {}", self.revert.branch));
        };
        let part = match self.part(ours) {
            Ok(part) => part,
            Err(why) => return refused(why),
        };
        let [parent] = ours.parents.as_slice() else { return refused("it has not exactly one parent") };
        let paths: BTreeSet<&str> = part.manifests().filter_map(file_of).collect();
        let specs: Vec<FileSpec> = paths.into_iter().filter_map(|path| path.parse().ok()).collect();
        let (old, new) =
            (self.files(&parent.to_string(), &specs).await?, self.files(self.commit, &specs).await?);
        Ok(Plan::Write(Box::new(Inverse::new(
            ours,
            part,
            specs,
            old,
            new,
            (self.shared.cx.workflow.uid.as_str(), cause),
        ))))
    }

    async fn files(&self, commit: &str, specs: &[FileSpec]) -> Result<Files, StepError> {
        Ok(self.git().files_at(&self.branches().await?, commit, specs).await?)
    }

    async fn write(&self, inverse: Inverse) -> Result<RevertEnd, StepError> {
        let engine = self.shared.engine;
        let request = self.request(&inverse).await?;
        let edit = Arc::new(move |files: &Files| inverse.apply(files));
        let pusher = engine.pusher.of(engine.tenancy.tenant(&self.shared.cx.workflow));
        let landed = match pusher.write_back(request, edit).await {
            Err(WriteError::Edit(error)) => return Ok(RevertEnd::Refused(error.message)),
            other => other?,
        };
        if landed.changed {
            engine.metrics.write_back_ended(WriteBackResult::Reverted, landed.attempts.into());
            return Ok(RevertEnd::Reverted(landed.commit));
        }
        // Another run of this step may have been faster.
        let why = || RevertEnd::Refused("the branch has the values from before it already".to_owned());
        Ok(self.reverted_by(&self.log().await?).map_or_else(why, RevertEnd::Reverted))
    }

    async fn request(&self, inverse: &Inverse) -> Result<WriteBack, StepError> {
        let (Shared { engine, cx, .. }, revert) = (self.shared, self.revert);
        let Branches { repo, credentials, base, head } = self.branches().await?;
        Ok(WriteBack {
            repo,
            credentials,
            branch: base,
            files: inverse.files().to_vec(),
            author: revert.author.clone(),
            committer: revert.committer.clone(),
            signing_key: signing_key(engine, revert.signing_key.as_ref(), cx).await?,
            source: None,
            places: None,
            head,
            dry_run: false,
            publish: None,
            deadline: self.shared.deadline(),
            push_gate: cx.gate.clone(),
        })
    }

    /// Makes Argo CD go back at once. Returns what to add to the message if it was not told.
    async fn refresh(&self, targets: &[Target<'_>]) -> String {
        let engine = self.shared.engine;
        let refreshes = targets.iter().map(|target| async move {
            let refreshed = engine.argocd.refresh(self.shared.tenant(), &target.application).await;
            engine.metrics.refreshed(refreshed.is_ok());
            refreshed
        });
        // The outcome is lost if the step's time is over before it is told.
        let why = match timeout_at(self.shared.deadline(), join_all(refreshes)).await {
            Ok(refreshed) => refreshed.into_iter().find_map(Result::err).map(|error| error.to_string()),
            Err(_) => Some("the step's time is over".to_owned()),
        };
        why.map(|why| format!("; Argo CD was not told of it: {why}")).unwrap_or_default()
    }
}
