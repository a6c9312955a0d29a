//! The election of a leader, among candidates that share nothing but the API server.

mod away;
mod rights;
mod turns;

use std::time::Duration;

use argo_buildkit::kube::{Campaign, Candidate, Cluster, Leadership};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::Api;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::kube::{BUILDS, Identity, Kube};

/// Far more than it takes: a loaded machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// So long that no test sees the end of it.
const LONG: Duration = Duration::from_secs(900);

/// Short enough to be waited for, and longer than a loaded machine stands still.
const SHORT: Duration = Duration::from_secs(5);

/// A candidate for the lease `name` that lasts for `duration`.
fn candidate(name: &str, identity: &str, duration: Duration) -> Candidate {
    let retry = if duration == LONG { LONG } else { Duration::from_millis(200) };
    Candidate { namespace: None, name: name.into(), identity: identity.into(), duration, retry }
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

/// Whose the lease is, and how often it changed hands.
async fn holder(name: &str) -> (String, i32) {
    let spec = lease(name).await;
    (spec.holder_identity.unwrap(), spec.lease_transitions.unwrap())
}

fn standby(holder: &str) -> Leadership {
    Leadership::Standby { holder: Some(holder.to_owned()) }
}

fn now(campaign: &Campaign) -> Leadership {
    campaign.leadership().borrow().clone()
}

async fn becomes(campaign: &Campaign, leadership: &Leadership) {
    reaches(campaign.leadership(), leadership).await;
}

async fn reaches(mut seen: watch::Receiver<Leadership>, leadership: &Leadership) {
    let reached = timeout(PATIENCE, seen.wait_for(|now| now == leadership)).await.is_ok();
    assert!(reached, "waited in vain for {leadership:?}: {:?}", *seen.borrow());
}
