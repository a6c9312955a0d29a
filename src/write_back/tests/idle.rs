//! Tests what is kept after a commit for the next one.

use std::time::Duration;

use super::fixture::{Fixture, git};
use super::write_back::{append, request};
use crate::write_back::WriteBack;

/// Waits until `count` stores are kept. A lane's task ends shortly after its answer.
async fn kept(fixture: &Fixture, count: usize) {
    let wanted = format!("Idle({count})");
    while format!("{:?}", fixture.pusher.idle) != wanted {
        tokio::task::yield_now().await;
    }
}

/// The number of requests that one commit for `tenant` takes.
async fn requests(fixture: &Fixture, tenant: &str, branch: &str) -> usize {
    fixture.server.faults.seen.lock().unwrap().clear();
    let request = WriteBack { branch: branch.to_owned(), ..request(fixture, "ops.git", &["values.yaml"]) };
    let landed = fixture.pusher.of(Some(tenant)).write_back(request, append("x")).await.unwrap();
    assert!(landed.changed);
    fixture.server.faults.seen.lock().unwrap().len()
}

#[tokio::test]
async fn a_store_serves_its_own_tenant_only_and_not_for_long() {
    let fixture = Fixture::new().await;
    fixture.repo("ops.git", &[("values.yaml", "v1")]);
    assert_eq!(requests(&fixture, "a", "main").await, 4);
    kept(&fixture, 1).await;
    assert_eq!(requests(&fixture, "b", "main").await, 4);
    kept(&fixture, 2).await;
    // The branch has moved on by now.
    assert_eq!(requests(&fixture, "a", "main").await, 4);
    kept(&fixture, 2).await;
    assert_eq!(requests(&fixture, "a", "main").await, 2);
    kept(&fixture, 2).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(181)).await;
    kept(&fixture, 0).await;
}

#[tokio::test]
async fn a_process_without_tenants_keeps_them_all() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    for n in 0..17 {
        let branch = format!("b{n}");
        git(&bare, &["branch", &branch, "main"]);
        let request = WriteBack { branch, ..request(&fixture, "ops.git", &["values.yaml"]) };
        fixture.pusher.write_back(request, append("x")).await.unwrap();
        kept(&fixture, n + 1).await;
    }
}

#[tokio::test]
async fn one_tenant_has_half_of_what_is_kept() {
    let fixture = Fixture::new().await;
    let bare = fixture.repo("ops.git", &[("values.yaml", "v1")]);
    for n in 0..18 {
        let branch = format!("b{n}");
        git(&bare, &["branch", &branch, "main"]);
        requests(&fixture, "a", &branch).await;
        kept(&fixture, (n + 1).min(16)).await;
    }
    assert_eq!(requests(&fixture, "a", "b17").await, 2);
    kept(&fixture, 16).await;
    assert_eq!(requests(&fixture, "a", "b0").await, 4, "the oldest has gone");
}
