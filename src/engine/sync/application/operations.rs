//! What a wait does to an Application: it requests comparisons, and, if the step is to, starts or ends operations.

use tokio::time::Instant;
use tracing::{info, warn};

use super::Followed;
use crate::argocd::{ApplicationState, Patched, Waiting, short};
use crate::engine::sync::shared::Ended;
use crate::engine::sync::wait_limit::WaitLimit;
use crate::outcome::Fault;

impl Followed<'_> {
    /// Starts or ends an operation, if the step is to.
    pub(super) async fn act(&mut self, state: &ApplicationState, waiting: &Waiting) -> Result<(), Ended> {
        match waiting {
            // Argo CD does not repeat a sync that has failed, not even an automated one. The reason may be mended by now.
            Waiting::SyncFailed { .. } => self.start(state).await,
            Waiting::OutOfSync { .. } | Waiting::StillDiffers if !state.is_automated => {
                self.start(state).await
            }
            Waiting::OlderSync { revision, .. } => self.stop(state, revision).await,
            _ => Ok(()),
        }
    }

    async fn start(&mut self, state: &ApplicationState) -> Result<(), Ended> {
        if self.shared.sync.start_sync && !self.has_started {
            let name = &self.target.application.name;
            self.has_started = self.applications.start_sync(name, state).await? == Patched::Done;
        }
        Ok(())
    }

    async fn stop(&mut self, state: &ApplicationState, revision: &str) -> Result<(), Ended> {
        let application = &self.target.application;
        if !self.shared.sync.stop_older_sync || self.stopped.contains(revision) {
            return Ok(());
        }
        if self.applications.stop_operation(&application.name, state).await? == Patched::Outdated {
            return Ok(());
        }
        self.stopped.insert(revision.to_owned());
        let remark = format!("ended the sync of the older revision {} of {application}", short(revision));
        info!("{remark}");
        self.shared.remark(remark);
        // Argo CD begins ours when it compares again.
        self.refresh().await
    }

    /// Refreshes if that is due, and returns when it is due next.
    pub(super) async fn refresh_again(&mut self, wait_limit: WaitLimit) -> Result<Option<Instant>, Ended> {
        let Some(every) = wait_limit.refresh else { return Ok(None) };
        if self.clock.refresh_at(every) <= Instant::now() {
            self.refresh().await?;
        }
        Ok(Some(self.clock.refresh_at(every)))
    }

    /// Requests a comparison. The watch reports what follows. While the API server is away, the wait goes on: the watch says when
    /// that has taken too long.
    async fn refresh(&mut self) -> Result<(), Ended> {
        let refreshed = self.applications.refresh(&self.target.application.name).await;
        self.note_refresh(refreshed.is_ok());
        match refreshed {
            Err(error) if error.fault() == Fault::Transient => warn!(%error, "refreshing Argo CD failed"),
            refreshed => drop(refreshed?),
        }
        Ok(())
    }

    pub(super) fn note_refresh(&mut self, done: bool) {
        self.shared.engine.metrics.refreshed(done);
        self.clock.refreshed();
    }
}
