//! One process leads, and another follows it.

use std::sync::Mutex;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{DeleteParams, ObjectMeta, PostParams};

use super::*;
use crate::support::net::{PATIENCE, unique};

#[tokio::test]
async fn one_of_several_leads_and_hands_over_when_it_goes() {
    let (cluster, name) = (cluster().await, unique("lease"));
    let first = cluster.elect_leader(config(&name, "first", LONG));
    becomes(&first, &Leadership::Leader).await;
    let second = cluster.elect_leader(config(&name, "second", LONG));
    becomes(&second, &standby("first")).await;
    let taken = lease(&name).await;
    assert_eq!((taken.lease_duration_seconds, taken.lease_transitions), (Some(900), Some(0)));
    assert_eq!((now(&first), taken.renew_time), (Leadership::Leader, taken.acquire_time));

    // The pause between reads is longer than the test, so the change comes from the watch.
    let seen = first.leadership();
    first.release().await;
    assert_eq!(*seen.borrow(), Leadership::Standby { holder: None });
    becomes(&second, &Leadership::Leader).await;
    assert_eq!(holder(&name).await, ("second".into(), 1));

    second.release().await;
    let given_up = lease(&name).await;
    assert_eq!((given_up.holder_identity.as_deref(), given_up.lease_duration_seconds), (Some(""), Some(1)));
}

#[tokio::test]
async fn a_leader_that_is_gone_is_succeeded_after_its_time_and_nobody_leads_until_then() {
    let (cluster, name) = (cluster().await, unique("lease"));
    let first = cluster.elect_leader(config(&name, "first", SHORT));
    becomes(&first, &Leadership::Leader).await;
    let second = cluster.elect_leader(config(&name, "second", SHORT));
    becomes(&second, &standby("first")).await;
    let seen = first.leadership();
    drop(first);
    reaches(seen, &Leadership::Standby { holder: None }).await;
    assert_eq!(now(&second), standby("first"));
    assert_eq!(holder(&name).await, ("first".into(), 0), "it was not given up");
    becomes(&second, &Leadership::Leader).await;
    assert_eq!(holder(&name).await, ("second".into(), 1));
}

#[tokio::test]
async fn a_leader_goes_on_renewing() {
    let (cluster, name) = (cluster().await, unique("lease"));
    let first = cluster.elect_leader(config(&name, "first", SHORT));
    becomes(&first, &Leadership::Leader).await;
    let second = cluster.elect_leader(config(&name, "second", SHORT));
    let taken = lease(&name).await;
    let renewed = async || Some(lease(&name).await).filter(|lease| lease.renew_time > later(&taken));
    let renewed = crate::support::net::until(|| "later renewals".into(), PATIENCE, renewed).await;
    assert_eq!((renewed.acquire_time, renewed.lease_transitions), (taken.acquire_time, Some(0)));
    drop(second);
}

/// The time at which a lease with this acquisition time would have expired.
fn later(lease: &LeaseSpec) -> Option<MicroTime> {
    let acquired = lease.acquire_time.as_ref()?.0;
    Some(MicroTime(acquired + SignedDuration::try_from(SHORT).unwrap()))
}

#[tokio::test]
async fn a_restarted_process_need_not_wait_for_itself() {
    let (cluster, name) = (cluster().await, unique("lease"));
    let first = cluster.elect_leader(config(&name, "pod", LONG));
    becomes(&first, &Leadership::Leader).await;
    drop(first);
    let again = cluster.elect_leader(config(&name, "pod", LONG));
    becomes(&again, &Leadership::Leader).await;
    assert_eq!(holder(&name).await, ("pod".into(), 0));
}

#[tokio::test]
async fn the_clock_of_whoever_wrote_the_lease_decides_nothing() {
    let (cluster, leases) = (cluster().await, leases().await);
    for (name, hours) in [(unique("slow"), -1), (unique("fast"), 1)] {
        let time = MicroTime(Timestamp::now() + SignedDuration::from_hours(hours));
        let spec = LeaseSpec {
            holder_identity: Some("gone".into()),
            lease_duration_seconds: Some(SHORT.as_secs() as i32),
            lease_transitions: Some(7),
            acquire_time: Some(time.clone()),
            renew_time: Some(time),
            ..LeaseSpec::default()
        };
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        leases.create(&PostParams::default(), &Lease { metadata, spec: Some(spec) }).await.unwrap();
        let begun = Instant::now();
        let election = cluster.elect_leader(config(&name, "next", SHORT));
        becomes(&election, &Leadership::Leader).await;
        assert!(begun.elapsed() >= SHORT, "{name} was taken from somebody who may live");
        assert_eq!(holder(&name).await, ("next".into(), 8));
    }
}

#[tokio::test]
async fn a_lease_that_somebody_deletes_or_gives_away_is_noticed() {
    let (cluster, leases, name) = (cluster().await, leases().await, unique("lease"));
    let election = cluster.elect_leader(config(&name, "first", SHORT));
    becomes(&election, &Leadership::Leader).await;
    leases.delete(&name, &DeleteParams::default()).await.unwrap();
    let back = async || leases.get_opt(&name).await.unwrap();
    let mut lease = crate::support::net::until(|| "the lease to be back".into(), PATIENCE, back).await;
    becomes(&election, &Leadership::Leader).await;

    loop {
        lease.spec.as_mut().unwrap().holder_identity = Some("favourite".into());
        lease.spec.as_mut().unwrap().lease_duration_seconds = Some(900);
        match leases.replace(&name, &PostParams::default(), &lease).await {
            Ok(_) => break,
            // The lease was renewed meanwhile.
            Err(_) => lease = leases.get(&name).await.unwrap(),
        }
    }
    becomes(&election, &standby("favourite")).await;
}

type Seen = Mutex<Vec<watch::Receiver<Leadership>>>;

/// Each process leads for a moment, then releases the lease or stops without releasing it, and starts again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_two_lead() {
    let (cluster, name, seen) = (cluster().await, unique("lease"), Seen::default());
    let runs = futures_util::future::join_all((0..5).map(|number| run(&cluster, number, &name, &seen)));
    tokio::select! {
        _ = runs => {}
        () = look_for_two(&seen) => {}
    }
    let transitions = holder(&name).await.1;
    assert!(transitions >= 5 * TERMS - 1, "{transitions}");
}

const TERMS: i32 = 3;

async fn run(cluster: &Cluster, number: i32, name: &str, seen: &Seen) {
    for term in 0..TERMS {
        let identity = format!("candidate-{number}-{term}");
        let election = cluster.elect_leader(config(name, &identity, SHORT));
        seen.lock().unwrap().push(election.leadership());
        becomes(&election, &Leadership::Leader).await;
        // If the lease is not released, the others wait until it expires.
        if term == number { drop(election) } else { election.release().await }
    }
}

async fn look_for_two(seen: &Seen) {
    loop {
        let seen = seen.lock().unwrap().clone();
        let leading = || {
            let leads = |seen: &watch::Receiver<_>| *seen.borrow() == Leadership::Leader;
            seen.iter().map(leads).collect::<Vec<_>>()
        };
        // A process that leads in both samples led in between: nobody leads twice within one healthy election.
        let (before, after) = (leading(), leading());
        let both = before.into_iter().zip(after).filter(|(before, after)| *before && *after).count();
        assert!(both < 2, "{both} lead at once");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
