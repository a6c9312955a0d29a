//! How a wait for an Application ends, and what it says.

use super::{Followed, Next, is_about_pods};
use crate::argocd::{ApplicationState, Health, RevisionOrder, Waiting, short};
use crate::engine::sync::report;
use crate::engine::sync::shared::{Arrived, Ended};

impl Followed<'_> {
    /// The end of a wait that has lasted too long.
    pub(super) fn give_up(&self, state: &ApplicationState, waiting: &Waiting) -> Result<Next, Ended> {
        let Waiting::NoImage { is_applied, .. } = waiting else {
            return Err(self.failed(state, waiting, ""));
        };
        match (is_applied, self.newer(state)) {
            // A CronJob, or no replicas: there are no pods.
            (true, _) => Ok(Next::Arrived),
            // Older versions of Argo CD do not say which images they have applied.
            (false, Some(by)) if state.operation.images.is_empty() => Err(self.superseded(by.to_owned())),
            (false, _) => Err(self.failed(state, waiting, "")),
        }
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
        let mut message = format!("{} {}{why}", self.target.application, waiting.problem());
        if let Some(newer) = self.newer(state) {
            message.push_str(&format!("; it has the newer commit {}", short(newer)));
        }
        if self.troubles.is_empty()
            && is_about_pods(waiting)
            && let Some(missing) = self.shared.looker.missing()
        {
            message.push_str(&format!("; its pods cannot be looked at: {missing}"));
        }
        let message = self.troubles.after(message);
        Ended::Failed(report::failed(message, &revision(state), state.health.name()))
    }
}

/// The commits that are deployed. Versions of charts are no commits, and may be any text.
fn revision(state: &ApplicationState) -> String {
    state.commits().collect::<Vec<_>>().join(",")
}
