//! Two replicas with one Lease.

use super::*;

/// Two agents with one lease; the first one leads.
async fn pair(work: &Gated) -> (SharedAgent, SharedAgent) {
    let setup = work.setup().await;
    let other = setup.replica();
    let first = setup.start();
    first.leads().await;
    let second = other.start();
    said(&second, "is held by").await;
    (first, second)
}

#[tokio::test]
async fn a_leader_killed_mid_build_is_succeeded_by_one_that_finishes_it() {
    let work = Gated::set().await;
    let (first, second) = pair(&work).await;
    let workflow = work.building().await;
    first.kill();
    second.leads().await;
    said(&second, "RUN until wget").await;
    let _open = work.open();
    work.is_done_once(&workflow, &second).await;
}

#[tokio::test]
async fn a_leader_that_is_told_to_go_mid_build_hands_it_over() {
    let work = Gated::set().await;
    let (first, second) = pair(&work).await;
    let workflow = work.building().await;
    assert!(first.terminate().success());
    assert!(first.log().contains("gave up Lease"), "{}", first.log());
    second.leads().await;
    let _open = work.open();
    work.is_done_once(&workflow, &second).await;
    assert!(second.log().contains("is nobody's"), "it waited for the lease to expire:\n{}", second.log());
}
