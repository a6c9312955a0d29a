//! Leader election among processes that share only the API server.

mod away;
mod rights;
mod turns;

use std::time::Duration;

use argo_buildkit::kube::{Cluster, LeaderElection, LeaderElectionConfig, Leadership};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::Api;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::PATIENCE;

/// Longer than any test runs.
const LONG: Duration = Duration::from_secs(900);

/// Short enough to wait for, and longer than the pauses of a loaded machine.
const SHORT: Duration = Duration::from_secs(5);

/// The settings of an election for the lease `name` with this `duration`.
fn config(name: &str, identity: &str, duration: Duration) -> LeaderElectionConfig {
    let retry = if duration == LONG { LONG } else { Duration::from_millis(200) };
    LeaderElectionConfig { namespace: None, name: name.into(), identity: identity.into(), duration, retry }
}

async fn cluster() -> Cluster {
    Cluster::from(Kube::shared().await.client(Identity::Admin).await)
}

async fn leases() -> Api<Lease> {
    Api::namespaced(Kube::shared().await.client(Identity::Admin).await, BUILDS)
}

async fn lease(name: &str) -> LeaseSpec {
    leases().await.get(name).await.unwrap().spec.unwrap()
}

/// The lease holder, and how often the holder changed.
async fn holder(name: &str) -> (String, i32) {
    let spec = lease(name).await;
    (spec.holder_identity.unwrap(), spec.lease_transitions.unwrap())
}

fn standby(holder: &str) -> Leadership {
    Leadership::Standby { holder: Some(holder.to_owned()) }
}

fn now(election: &LeaderElection) -> Leadership {
    election.leadership().borrow().clone()
}

async fn becomes(election: &LeaderElection, leadership: &Leadership) {
    reaches(election.leadership(), leadership).await;
}

async fn reaches(mut seen: watch::Receiver<Leadership>, leadership: &Leadership) {
    let reached = timeout(PATIENCE, seen.wait_for(|now| now == leadership)).await.is_ok();
    assert!(reached, "waited in vain for {leadership:?}: {:?}", *seen.borrow());
}
