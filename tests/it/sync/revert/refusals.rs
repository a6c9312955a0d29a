//! Where nothing is reverted, and what the message says.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use argo_buildkit::engine::Tenancy;
use argo_buildkit::policy::Policy;
use serde_json::json;

use super::super::own;
use super::{Deployment, VALUES, run_as, unhealthy};

#[tokio::test]
async fn only_a_commit_of_the_own_workflow_is_taken_back() {
    let mut shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    shop.workflow = "another".to_owned();
    let failed = shop.degraded(&ours, json!({})).await;
    assert!(
        failed.message.ends_with("was not reverted: this workflow has not made it"),
        "{}",
        failed.message
    );
    assert_eq!((shop.head(), failed.outputs["outcome"].as_str()), (ours, "failed"));
}

#[tokio::test]
async fn an_application_that_was_degraded_before_says_nothing_about_the_commit() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let (first, ours) = (shop.head(), shop.deploy().await);
    shop.site.set(unhealthy(&first)).await;
    let failed = shop.degraded(&ours, json!({})).await;
    assert!(failed.message.ends_with("the Application was Degraded before it"), "{}", failed.message);
    assert_eq!(shop.head(), ours);
}

#[tokio::test]
async fn a_commit_that_is_compared_and_not_yet_applied_has_broken_nothing() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let (first, ours) = (shop.head(), shop.deploy().await);
    // update-manifest has refreshed the Application: Argo CD knows our commit before the step begins.
    let mut compared = unhealthy(&ours);
    compared["status"]["sync"]["status"] = json!("OutOfSync");
    compared["status"]["operationState"]["syncResult"]["revision"] = json!(first);
    shop.site.set(compared).await;
    let failed = shop.degraded(&ours, json!({})).await;
    assert!(failed.message.ends_with("the Application was Degraded before it"), "{}", failed.message);
    assert_eq!(shop.head(), ours);
}

#[tokio::test]
async fn without_the_field_and_after_other_failures_nothing_is_taken_back() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let failed = shop.degraded(&ours, json!({"on-degraded": "fail"})).await;
    assert!(!failed.message.contains("revert"), "{}", failed.message);
    shop.site.set(super::state(&ours, super::OLD_IMAGE)).await;
    let step = shop.start(&ours, json!({}));
    shop.site.compare(json!({})).await;
    let failed = step.await.unwrap().unwrap_err();
    assert!(failed.message.contains("is Synced and Healthy without"), "{}", failed.message);
    assert_eq!(shop.head(), ours);
}

#[tokio::test]
async fn a_branch_without_the_commit_is_not_written() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let first = shop.head();
    let ours = shop.deploy().await;
    shop.git(&["branch", "other", &first]);
    let failed = shop.degraded(&ours, json!({"branch": "other"})).await;
    assert!(
        failed.message.ends_with("it is not among the last commits of branch other"),
        "{}",
        failed.message
    );
    assert_eq!(shop.server.head("gitops", "other"), first);
}

#[tokio::test]
async fn a_branch_that_may_not_be_pushed_to_is_named() {
    let shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let hooks = shop.server.repo("gitops").join("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    std::fs::write(hooks.join("pre-receive"), "#!/bin/sh\necho protected >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(hooks.join("pre-receive"), Permissions::from_mode(0o755)).unwrap();
    let failed = shop.degraded(&ours, json!({})).await;
    assert!(failed.message.contains("is Degraded"), "{}", failed.message);
    assert!(
        failed.message.contains(&format!("our commit {} was not reverted: ", &ours[..10])),
        "{}",
        failed.message
    );
    assert_eq!(shop.head(), ours);
}

#[tokio::test]
async fn a_repository_outside_the_policy_is_neither_read_nor_written() {
    let mut shop = Deployment::open(&[("values.yaml", VALUES)]).await;
    let ours = shop.deploy().await;
    let text = format!(
        "namespaces: {{builds: {{applications: ['argocd/{}'], repositories: ['https://git.example/**']}}}}",
        shop.site.name
    );
    let policy = Policy::parse("policy.yaml", &text).unwrap();
    shop.site.engine = Arc::new(own(shop.site.kube, Tenancy::shared(Some(policy))).await);
    let body = shop.body(&ours, json!({}));
    let refused = run_as(&shop.site.engine, &shop.workflow, &body).await.unwrap_err();
    assert!(refused.message.starts_with("sync.repo: namespace `builds` may not"), "{}", refused.message);
    assert_eq!(shop.head(), ours);
}
