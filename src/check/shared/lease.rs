//! The Lease that decides which replica of the shared agent leads.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use super::AgentDeployment;
use crate::check::api_login::unread;
use crate::check::{Doctor, Finding};
use crate::kube::ReadError;

/// The duration of a Lease that does not specify one, in seconds.
const DEFAULT_SECONDS: i32 = 15;

impl Doctor {
    /// Checks whether a replica leads.
    pub(super) async fn lease(&self, agent: &AgentDeployment) -> Finding {
        let (namespace, name) = agent.lease();
        let read = self.engine.cluster.find::<Lease>(namespace, name).await;
        judge(&format!("Lease {namespace}/{name}"), &read, &agent.place(), SystemTime::now())
    }
}

pub(super) fn judge(
    subject: &str,
    read: &Result<Option<Lease>, ReadError>,
    agent: &str,
    now: SystemTime,
) -> Finding {
    let idle = format!("so no replica of {agent} leads, and no step is taken; see their logs");
    let spec = match read {
        Ok(Some(lease)) => lease.spec.clone().unwrap_or_default(),
        Ok(None) => {
            return Finding::fail(subject, format!("does not exist, {idle}, and their right to make it"));
        }
        Err(error) => return unread(subject, error),
    };
    let Some(holder) = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty()) else {
        return Finding::fail(subject, format!("nobody holds it, {idle} if that lasts"));
    };
    let lasts = Duration::from_secs(
        spec.lease_duration_seconds.unwrap_or(DEFAULT_SECONDS).max(0).unsigned_abs().into(),
    );
    match age(&spec, now) {
        Some(age) if age <= lasts => {
            Finding::ok(subject, format!("{holder} leads, and renews it within its {} s", lasts.as_secs()))
        }
        Some(age) => Finding::fail(
            subject,
            format!(
                "{holder} has not renewed it for {} s by this machine's clock, and it lasts {} s, {idle}",
                age.as_secs(),
                lasts.as_secs()
            ),
        ),
        None => Finding::fail(subject, format!("{holder} has never renewed it, {idle}")),
    }
}

/// The time since the last renewal. Zero if the other machine's clock is ahead.
fn age(spec: &LeaseSpec, now: SystemTime) -> Option<Duration> {
    let renewed = SystemTime::from(spec.renew_time.as_ref()?.0);
    Some(now.duration_since(renewed).unwrap_or_default())
}
