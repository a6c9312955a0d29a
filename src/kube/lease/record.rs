//! The content of a Lease.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::ObjectMeta;

use super::LeaderElectionConfig;

/// The lease holder. A released lease has the holder `""`, which means none.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    let spec = lease.spec.as_ref()?;
    spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// The lease as this process takes, renews or creates it.
pub(super) fn acquired(found: Option<Lease>, config: &LeaderElectionConfig, now: Timestamp) -> Lease {
    let ours = found.as_ref().and_then(holder) == Some(&config.identity);
    let Some(mut lease) = found else { return created(config, now) };
    let spec = lease.spec.get_or_insert_default();
    if !ours {
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
        spec.acquire_time = Some(MicroTime(now));
    }
    hold(spec, config, now);
    lease
}

/// The released lease. Processes that do not know the empty holder wait for its duration, which is one second.
pub(super) fn released(mut lease: Lease, now: Timestamp) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = Some(String::new());
    spec.lease_duration_seconds = Some(1);
    spec.acquire_time = Some(MicroTime(now));
    spec.renew_time = Some(MicroTime(now));
    lease
}

fn created(config: &LeaderElectionConfig, now: Timestamp) -> Lease {
    let metadata = ObjectMeta { name: Some(config.name.clone()), ..ObjectMeta::default() };
    let mut spec =
        LeaseSpec { lease_transitions: Some(0), acquire_time: Some(MicroTime(now)), ..LeaseSpec::default() };
    hold(&mut spec, config, now);
    Lease { metadata, spec: Some(spec) }
}

fn hold(spec: &mut LeaseSpec, config: &LeaderElectionConfig, now: Timestamp) {
    // Rounded up, because the holder relies on the whole duration.
    let seconds = config.duration.as_secs() + u64::from(config.duration.subsec_nanos() > 0);
    spec.holder_identity = Some(config.identity.clone());
    spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
    spec.renew_time = Some(MicroTime(now));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::*;

    fn config(identity: &str) -> LeaderElectionConfig {
        let (duration, retry) = (Duration::from_millis(1500), Duration::from_secs(1));
        LeaderElectionConfig {
            namespace: None,
            name: "it".into(),
            identity: identity.into(),
            duration,
            retry,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// The holder, duration, transitions, and times of acquisition and renewal.
    fn words(lease: &Lease) -> (Option<&str>, i32, i32, i64, i64) {
        let spec = lease.spec.as_ref().unwrap();
        let second = |time: &Option<MicroTime>| time.as_ref().unwrap().0.as_second();
        let (duration, transitions) = (spec.lease_duration_seconds, spec.lease_transitions);
        let (acquired, renewed) = (second(&spec.acquire_time), second(&spec.renew_time));
        (holder(lease), duration.unwrap(), transitions.unwrap(), acquired, renewed)
    }

    #[test]
    fn a_lease_tells_who_holds_it_since_when_and_how_often_it_changed_hands() {
        let lease = acquired(None, &config("a"), at(10));
        assert_eq!(words(&lease), (Some("a"), 2, 0, 10, 10), "created");
        let lease = acquired(Some(lease), &config("a"), at(11));
        assert_eq!(words(&lease), (Some("a"), 2, 0, 10, 11), "renewed");
        let lease = acquired(Some(lease), &config("b"), at(20));
        assert_eq!(words(&lease), (Some("b"), 2, 1, 20, 20), "taken");
        let lease = released(lease, at(21));
        assert_eq!(words(&lease), (None, 1, 1, 21, 21), "given up");
        let lease = acquired(Some(lease), &config("b"), at(22));
        assert_eq!(words(&lease), (Some("b"), 2, 2, 22, 22), "taken back");
    }

    #[test]
    fn a_lease_without_a_spec_is_nobodys() {
        let lease = acquired(Some(Lease::default()), &config("a"), at(5));
        assert_eq!(words(&lease), (Some("a"), 2, 1, 5, 5));
    }
}
