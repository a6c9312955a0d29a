//! The leader elector of this process: reads, takes, renews and releases the lease.

use std::time::Duration;

use backon::ExponentialBackoff;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lease_api::LeaseApi;
use super::observation::LeaseObservation;
use super::problem::Problem;
use super::state::LeaseState;
use super::{LeaderElectionConfig, Leadership, lease_watch, record};
use crate::kube::Cluster;
use crate::time_limits::pauses::endless;

/// The number of immediate tries when another process wrote the lease first.
const TRIES: usize = 3;

pub(super) struct LeaderElector {
    lease: LeaseApi,
    config: LeaderElectionConfig,
    state: LeaseState,
    /// The lease as our last write left it, if no write was refused since.
    written: Option<Lease>,
    /// While this process leads: the time until which no other process can take the lease.
    leads_until: Instant,
    /// Whether the API server may have this process as the lease holder.
    may_hold: bool,
    /// The observed lease of another holder.
    observation: Option<LeaseObservation>,
}

impl LeaderElector {
    pub(super) fn new(cluster: Cluster, config: LeaderElectionConfig) -> Self {
        let lease = LeaseApi { cluster, namespace: config.namespace.clone(), name: config.name.clone() };
        let state = LeaseState::new(lease.to_string());
        let leads_until = Instant::now();
        Self { lease, config, state, written: None, leads_until, may_hold: false, observation: None }
    }

    pub(super) fn state(&self) -> &LeaseState {
        &self.state
    }

    /// Runs the election until `stop`, and then releases the lease.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let (holder_sender, mut holder_changes) = watch::channel(None);
        let lease_watch = lease_watch::keep(self.lease.clone(), holder_sender);
        tokio::select! {
            never = lease_watch => match never {},
            () = self.campaign_loop(&mut holder_changes, &stop) => {}
        }
        if let Err(problem) = self.release_lease().await {
            warn!("the next leader must wait until {} expires: {problem}", self.lease);
        }
    }

    /// An attempt is never cancelled, so that no write is in flight when the lease is released.
    async fn campaign_loop(
        &mut self,
        holder_changes: &mut watch::Receiver<Option<String>>,
        stop: &CancellationToken,
    ) {
        let mut pauses = self.pauses();
        while !stop.is_cancelled() {
            let attempt = self.attempt().await;
            let went_well = attempt.is_ok();
            self.state.report(attempt.err());
            self.check_renewal_deadline();
            let next_attempt = self.next_attempt(went_well, &mut pauses);
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep_until(next_attempt) => {}
                () = self.holder_changed(holder_changes) => {}
            }
            self.check_renewal_deadline();
        }
    }

    /// Reads the lease and takes or renews it, if this process may.
    async fn attempt(&mut self) -> Result<(), Problem> {
        for _ in 0..TRIES {
            let found = self.observe().await?;
            let holder = found.as_ref().and_then(record::holder);
            if found.is_some() && holder != Some(&self.config.identity) {
                let holds = holder.is_some() && Instant::now() < self.expires();
                if holds {
                    self.state.report(None);
                }
                self.stand_by(holder);
                if holds {
                    return Ok(());
                }
            }
            if self.acquire_or_renew(found).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn observe(&mut self) -> Result<Option<Lease>, Problem> {
        if let Some(written) = self.written.take() {
            return Ok(Some(written));
        }
        let found = self.lease.get(self.limit()).await?;
        let (now, spec) = (Instant::now(), found.as_ref().and_then(|lease| lease.spec.clone()));
        match (&mut self.observation, spec) {
            (Some(observation), Some(spec)) => observation.observe(spec, now),
            (observation, spec) => {
                *observation = spec.map(|spec| LeaseObservation::new(spec, now, self.config.duration))
            }
        }
        Ok(found)
    }

    /// Takes or renews the lease. Returns false if another process wrote first.
    async fn acquire_or_renew(&mut self, found: Option<Lease>) -> Result<bool, Problem> {
        let lease = record::acquired(found, &self.config, Timestamp::now());
        // Other processes count from a later time, when they see the write.
        let sent = Instant::now();
        self.may_hold = true;
        let written = self.lease.write(&lease, self.limit()).await?;
        let Some(lease) = written else { return Ok(false) };
        (self.written, self.observation) = (Some(lease), None);
        self.leads_until = sent + self.config.duration * 2 / 3;
        // The problem is cleared first, so that nobody who learns that we lead still sees one.
        self.state.report(None);
        self.state.set_leadership(Leadership::Leader);
        Ok(true)
    }

    /// Releases the lease if this process holds it, so that the next leader can take it at once.
    async fn release_lease(&mut self) -> Result<(), Problem> {
        let may_hold = self.may_hold;
        self.stand_by(None);
        for _ in 0..if may_hold { TRIES } else { 0 } {
            let found = self.lease.get(self.limit()).await?;
            let held = found.filter(|lease| record::holder(lease) == Some(&self.config.identity));
            let Some(lease) = held else { return Ok(()) };
            let released = record::released(lease, Timestamp::now());
            if self.lease.write(&released, self.limit()).await?.is_some() {
                info!("gave up {}", self.lease);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until the watch reports another holder than the known one.
    async fn holder_changed(&self, holder_changes: &mut watch::Receiver<Option<String>>) {
        while holder_changes.changed().await.is_ok() {
            let holder = holder_changes.borrow_and_update().clone();
            let known = match self.state.now() {
                Leadership::Standby { holder } => holder,
                Leadership::Leader | Leadership::Unsure => Some(self.config.identity.clone()),
            };
            if holder != known {
                return;
            }
        }
        std::future::pending().await
    }

    /// The time of the next attempt. The pause grows only for a standby whose attempts fail.
    fn next_attempt(&self, went_well: bool, pauses: &mut ExponentialBackoff) -> Instant {
        let (now, retry_interval) = (Instant::now(), self.retry_interval());
        let due = match self.state.now() {
            Leadership::Leader => self.leads_until,
            Leadership::Unsure => now + retry_interval,
            Leadership::Standby { .. } if went_well => self.expires(),
            Leadership::Standby { .. } => return now + pauses.next().unwrap_or(retry_interval),
        };
        *pauses = self.pauses();
        if due > now { due.min(now + retry_interval) } else { now + retry_interval }
    }

    fn pauses(&self) -> ExponentialBackoff {
        endless(self.retry_interval(), self.config.duration.max(self.retry_interval()))
    }

    /// The pause between two attempts: two renewals fit into the time for which we lead.
    fn retry_interval(&self) -> Duration {
        self.config.retry.min(self.config.duration / 3)
    }

    /// The time limit of a request. A leader must know in time that it cannot renew the lease.
    fn limit(&self) -> Duration {
        let limit = self.config.duration / 3;
        match self.state.now() {
            Leadership::Leader => limit.min(self.leads_until.saturating_duration_since(Instant::now())),
            Leadership::Unsure | Leadership::Standby { .. } => limit,
        }
    }

    /// The time at which the lease of another holder expires, as far as we know.
    fn expires(&self) -> Instant {
        let expires = self.observation.as_ref().map(|observation| observation.expires(self.config.duration));
        expires.unwrap_or_else(Instant::now)
    }

    /// Stops leading when other processes may take the lease.
    fn check_renewal_deadline(&self) {
        if self.state.now() == Leadership::Leader && Instant::now() >= self.leads_until {
            self.state.set_leadership(Leadership::Unsure);
        }
    }

    fn stand_by(&mut self, holder: Option<&str>) {
        self.may_hold = false;
        self.state.set_leadership(Leadership::Standby { holder: holder.map(str::to_owned) });
    }
}
