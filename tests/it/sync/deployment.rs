//! A commit that is deployed, and one that a newer one replaces.

use std::time::Duration;

use argo_buildkit::engine::Tenancy;
use argo_buildkit::policy::Policy;
use serde_json::{Value, json};

use super::{OLD, OLD_IMAGE, OUR_IMAGE, OURS, Site, own, state};
use crate::support::engine::run;
use crate::support::git_http::GitHttp;
use crate::support::kube::{BUILDS, Identity};
use crate::support::net::{PATIENCE, until};
use crate::support::plugin::tree;

#[tokio::test]
async fn a_commit_is_waited_for_until_its_image_runs() {
    let site = Site::open(OLD, OLD_IMAGE).await;
    let mut running = site.start(json!({}));
    site.compare(json!({
        "operation": {"sync": {"revision": OURS}},
        "status": {"sync": {"status": "OutOfSync", "revision": OURS}, "operationState": null},
    }))
    .await;
    running.shows("being synced").await;
    // The operation has succeeded, and the health is still that of the old pods.
    let mut succeeded = state(OURS, OUR_IMAGE);
    succeeded["operation"] = Value::Null;
    succeeded["status"]["sync"]["status"] = json!("OutOfSync");
    site.set(succeeded).await;
    running.shows("OutOfSync").await;
    let mut progressing = state(OURS, OUR_IMAGE);
    progressing["status"]["health"]["status"] = json!("Progressing");
    progressing["status"]["summary"]["images"] = json!([OLD_IMAGE, OUR_IMAGE]);
    site.set(progressing).await;
    running.shows("Progressing").await;
    site.set(json!({"status": {"health": {"status": "Healthy"}}})).await;
    let done = running.ended().await.unwrap();
    assert_eq!((done.outputs["outcome"].as_str(), done.outputs["deployed"].as_str()), ("healthy", OURS));
    assert_eq!((done.outputs["health"].as_str(), done.outputs["newer"].as_str()), ("Healthy", ""));
    assert_eq!(done.outputs["applications"], json!([site.name]).to_string());
    let said = format!("`{}` is Healthy at 1111111111, after ", site.name);
    assert!(done.summary.starts_with(&said), "{}", done.summary);
    let metrics = site.engine.metrics.encode(0, 0).unwrap();
    assert!(metrics.contains("argo_buildkit_syncs_total{result=\"healthy\"} 1"), "{metrics}");
    let counted =
        format!("{{workflow_namespace=\"{BUILDS}\",application=\"{}\",result=\"healthy\"}} 1", site.name);
    assert!(metrics.contains(&format!("argo_buildkit_deployments_total{counted}")), "{metrics}");
}

#[tokio::test]
async fn what_is_deployed_already_needs_no_refresh() {
    let site = Site::open(OURS, OUR_IMAGE).await;
    let done = site.start(json!({})).ended().await.unwrap();
    assert_eq!(done.outputs["outcome"], "healthy");
    assert_eq!(site.applications.refresh(&site.name).await, None);
    // Without a commit, only a comparison shows what there is to deploy.
    let mut running = site.start(json!({"commit": null}));
    running.shows("Argo CD compares it with Git").await;
    site.compare(json!({})).await;
    assert_eq!(running.ended().await.unwrap().outputs["outcome"], "healthy");
}

#[tokio::test]
async fn a_newer_commit_with_another_image_ends_the_wait_at_once() {
    let server = GitHttp::start("", "");
    let commit =
        |text| server.commit_directory("gitops", "main", tree(&[("values.yaml", text)]).path(), text);
    let (old, ours, newer) = (commit("old"), commit("ours"), commit("newer"));
    let site = Site::open(&old, OLD_IMAGE).await;
    let fields = json!({"commit": ours, "repo": server.repo_url("gitops")});
    let running = site.start(fields.clone());
    let mut deploying = state(&newer, OLD_IMAGE);
    deploying["status"]["health"]["status"] = json!("Progressing");
    site.compare(deploying).await;
    let done = running.ended().await.unwrap();
    assert_eq!(
        (done.outputs["outcome"].as_str(), done.outputs["newer"].as_str()),
        ("superseded", newer.as_str())
    );
    assert!(done.summary.contains(&newer[..10]), "{}", done.summary);

    // A newer commit that leaves our image alone is no other deployment.
    let running = site.start(fields);
    let mut unrelated = state(&newer, OUR_IMAGE);
    unrelated["status"]["operationState"]["syncResult"]["revision"] = json!(ours);
    site.compare(unrelated).await;
    let done = running.ended().await.unwrap();
    assert_eq!(
        (done.outputs["outcome"].as_str(), done.outputs["deployed"].as_str()),
        ("healthy", newer.as_str())
    );
}

#[tokio::test]
async fn what_an_earlier_step_found_superseded_is_not_waited_for() {
    let site = Site::open(OLD, OLD_IMAGE).await;
    let done = site.start(json!({"superseded-by": OLD})).ended().await.unwrap();
    assert_eq!((done.outputs["outcome"].as_str(), done.outputs["newer"].as_str()), ("superseded", OLD));
    assert_eq!(site.applications.refresh(&site.name).await, None);
    let off = site.start(json!({"enabled": false})).ended().await.unwrap();
    assert_eq!((off.outputs["outcome"].as_str(), off.outputs["applications"].as_str()), ("", "[]"));
}

#[tokio::test]
async fn applications_with_a_label_are_waited_for_together_within_the_policy() {
    let (first, second) = (Site::open(OURS, OUR_IMAGE).await, Site::open(OURS, OUR_IMAGE).await);
    let label = json!({"metadata": {"labels": {"app": first.name}}});
    first.set(label.clone()).await;
    second.set(label).await;
    let list = json!([{"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": ["list"]}]);
    first.kube.grant_in("argocd", Identity::Plugin, "sync-list", list).await;
    let fields = json!({"applications": [{"labels": format!("app={}", first.name)}]});
    let listed = async || first.run_for(fields.clone(), Duration::from_secs(60)).await.ok();
    let done = until(|| "the right to list".to_owned(), PATIENCE, listed).await;
    let mut names = [first.name.as_str(), second.name.as_str()];
    names.sort_unstable();
    assert_eq!(done.outputs["applications"], json!(names).to_string());

    let text = format!("namespaces: {{builds: {{applications: ['argocd/{}']}}}}", first.name);
    let policy = Policy::parse("policy.yaml", &text).unwrap();
    let mut engine = own(first.kube, Tenancy::shared(Some(policy))).await;
    let refused = run(&engine, BUILDS, &first.body(fields)).await.unwrap_err();
    let why = format!("may not use the Application `argocd/{}`", second.name);
    assert!(refused.message.contains(&why), "{}", refused.message);
    engine.tenancy = Tenancy::shared(Some(Policy::parse("policy.yaml", "namespaces: {builds: {}}").unwrap()));
    let refused = run(&engine, BUILDS, &first.body(json!({}))).await.unwrap_err();
    let why =
        format!("sync.applications: namespace `builds` may not use the Application `argocd/{}`", first.name);
    assert!(refused.message.starts_with(&why), "{}", refused.message);
}
