//! How a wait for an Application ends, and what it says.

use super::{Followed, Next, is_about_pods};
use crate::argocd::{ApplicationState, Health, RevisionOrder, SyncStatus, Waiting, short};
use crate::engine::sync::report;
use crate::engine::sync::shared::{Arrived, CommitFailure, Ended};
use crate::outcome::StepError;

impl Followed<'_> {
    /// The end of a wait that has lasted too long.
    pub(super) fn give_up(&self, state: &ApplicationState, waiting: &Waiting) -> Result<Next, Ended> {
        let Waiting::NoImage { is_applied, .. } = waiting else {
            return Err(self.given_up(state, waiting));
        };
        match (is_applied, self.newer(state)) {
            // A CronJob, or no replicas: there are no pods.
            (true, _) => Ok(Next::Arrived),
            // Older versions of Argo CD do not say which images they have applied.
            (false, Some(by)) if state.operation.images.is_empty() => Err(self.superseded(by.to_owned())),
            (false, _) => Err(self.failed(state, waiting, "")),
        }
    }

    /// The end of a wait that has lasted too long. If our commit is what fails, it can be reverted.
    fn given_up(&self, state: &ApplicationState, waiting: &Waiting) -> Ended {
        let error = self.error(state, waiting, "");
        match self.failure(state, waiting) {
            Some(what) => Ended::CommitFailure(CommitFailure {
                cause: format!("{} {what}", self.target.application),
                was_degraded_before: self.was_degraded,
                error,
            }),
            None => Ended::Failed(error),
        }
    }

    /// What has failed by what our commit deploys. A comparison, a right or a sync window that fails says nothing about the commit.
    fn failure(&self, state: &ApplicationState, waiting: &Waiting) -> Option<String> {
        match waiting {
            // A sync that could not begin has no revision.
            Waiting::SyncFailed { .. } if !state.operation.revisions.is_empty() => {
                Some("could not be synced".to_owned())
            }
            // One that is not Degraded has pods that are in trouble for `stuck-after`.
            Waiting::Degraded | Waiting::NotHealthy { .. } => Some(format!("is {}", state.health.name())),
            _ => None,
        }
    }

    /// Whether the Application is Degraded, and does not have our commit. Argo CD compares with a commit before it applies it; until
    /// then, the health is that of what ran before.
    pub(super) fn is_degraded_without_ours(&self, state: &ApplicationState) -> bool {
        let is_in = |revisions: &[String]| {
            self.wanted.commit.is_some_and(|commit| revisions.iter().any(|revision| revision == commit))
        };
        let is_applied = state.sync != SyncStatus::OutOfSync || is_in(&state.operation.revisions);
        let has_ours = is_in(&state.revisions) && is_applied;
        state.health == Health::Degraded && !has_ours && self.newer(state).is_none()
    }

    /// The commit that the Application has in place of ours.
    fn newer<'s>(&self, state: &'s ApplicationState) -> Option<&'s str> {
        let commit = self.wanted.commit?;
        if state.revisions.iter().any(|revision| revision == commit) {
            return None;
        }
        let orders = self.shared.orders();
        state.commits().find(|revision| orders.get(*revision) == Some(&RevisionOrder::Newer))
    }

    pub(super) fn arrived(&self, state: &ApplicationState) -> Arrived {
        let application = &self.target.application;
        self.shared.progress.done(self.shared.cx, self.number);
        if let Some(message) = state.condition("SharedResourceWarning") {
            self.shared.remark(format!("{application}: {message}"));
        }
        if state.health != Health::Healthy {
            let why = "the rollouts are complete, and only the number of pods changes";
            self.shared.remark(format!("{application} is {}: {why}", state.health.name()));
        }
        Arrived { name: application.name.clone(), revision: revision(state), health: state.health.name() }
    }

    pub(super) fn superseded(&self, by: String) -> Ended {
        Ended::Superseded { name: Some(self.target.application.name.clone()), by }
    }

    pub(super) fn failed(&self, state: &ApplicationState, waiting: &Waiting, why: &str) -> Ended {
        Ended::Failed(self.error(state, waiting, why))
    }

    fn error(&self, state: &ApplicationState, waiting: &Waiting, why: &str) -> StepError {
        let mut message = format!("{} {}{why}", self.target.application, waiting.problem());
        if let Some(newer) = self.newer(state) {
            message.push_str(&format!("; it has the newer commit {}", short(newer)));
        }
        if self.troubles.is_empty()
            && is_about_pods(waiting)
            && let Some(missing) = self.shared.looker.advice()
        {
            message.push_str(&format!("; its pods cannot be looked at: {missing}"));
        }
        let message = self.troubles.after(message);
        report::failed(message, &revision(state), state.health.name())
    }
}

/// The commits that are deployed. Versions of charts are no commits, and may be any text.
fn revision(state: &ApplicationState) -> String {
    state.commits().collect::<Vec<_>>().join(",")
}
