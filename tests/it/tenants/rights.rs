//! Rights by impersonation: those of a namespace's own account, if the agent may use it.

use argo_buildkit::argocd::{Application, ArgoCd};
use argo_buildkit::kube::{Cluster, Secrets, Submission, SubmitError, Submitted, Workflows};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use super::{ACCOUNT, Tenant, agent, in_force, secret_rule};
use crate::support::argo::Argo;
use crate::support::argocd::{ARGOCD, Applications};
use crate::support::net::unique;

async fn acting() -> Cluster {
    agent().await.acting_as(ACCOUNT)
}

/// The text of a refusal, with fixed words instead of generated names.
fn told(error: impl ToString, tenant: &Tenant) -> String {
    error.to_string().replace(&tenant.namespace, "NAMESPACE")
}

#[tokio::test]
async fn the_api_server_sees_the_account_with_the_groups_of_an_account() {
    let (cluster, tenant) = (acting().await, Tenant::new().await);
    let client = cluster.client_for(&tenant.namespace).await.unwrap();
    let reviews = Api::<SelfSubjectReview>::all(client);
    let asked = async || reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await.ok();
    let seen = in_force(asked).await.status.unwrap().user_info.unwrap();
    let namespace = &tenant.namespace;
    assert_eq!(seen.username, Some(format!("system:serviceaccount:{namespace}:{ACCOUNT}")));
    let own = format!("system:serviceaccounts:{namespace}");
    let groups = ["system:serviceaccounts".to_owned(), own, "system:authenticated".to_owned()];
    assert_eq!(seen.groups, Some(groups.to_vec()));
    assert_eq!(cluster.whoami().await.unwrap(), "system:serviceaccount:buildkit-agent:buildkit-agent");
}

#[tokio::test]
async fn a_secret_is_read_with_the_rights_of_its_namespace_alone() {
    let (cluster, tenant, other) = (acting().await, Tenant::new().await, Tenant::stranger().await);
    for name in ["git", "theirs", "grouped"] {
        tenant.kube.secret_in(&tenant.namespace, name, "Opaque", &[("token", "abc")]).await;
    }
    other.kube.secret_in(&other.namespace, "git", "Opaque", &[("token", "xyz")]).await;
    tenant.allow_secret("git").await;
    // The other account may read it, but the agent may not use that account.
    other.allow_secret("git").await;
    let everybody = json!({"kind": "Group", "name": format!("system:serviceaccounts:{}", tenant.namespace)});
    let rules = json!([secret_rule("grouped")]);
    tenant.kube.grant_to(&tenant.namespace, everybody, "grouped", rules).await;

    let secrets = Secrets::Cluster(cluster.clone());
    for name in ["git", "grouped"] {
        let read = in_force(async || secrets.get(&tenant.namespace, name).await.ok()).await;
        assert_eq!(secrecy::ExposeSecret::expose_secret(&read.key("token").unwrap()), "abc");
    }
    let unnamed = secrets.get(&tenant.namespace, "theirs").await.unwrap_err();
    insta::assert_snapshot!(told(unnamed, &tenant), @r#"reading secret `theirs` in namespace `NAMESPACE` is forbidden to ServiceAccount `NAMESPACE/buildkit-executor-plugin`; create that account where there is none, and grant it `get` on that secret (a Role with resourceNames: [theirs])"#);
    let stranger = secrets.get(&other.namespace, "git").await.unwrap_err();
    insta::assert_snapshot!(told(stranger, &other), @r#"reading secret `git` in namespace `NAMESPACE`: acting as ServiceAccount `NAMESPACE/buildkit-executor-plugin` is forbidden to this agent; apply deploy/components/agent-rights to namespace `NAMESPACE`, or give the agent's own ServiceAccount there the rule {apiGroups: [""], resources: [serviceaccounts], resourceNames: [buildkit-executor-plugin], verbs: [impersonate]}"#);
    let missing = Secrets::Cluster(cluster.acting_as("default")).get(&tenant.namespace, "git").await;
    insta::assert_snapshot!(told(missing.unwrap_err(), &tenant), @r#"reading secret `git` in namespace `NAMESPACE`: acting as ServiceAccount `NAMESPACE/default` is forbidden to this agent; apply deploy/components/agent-rights to namespace `NAMESPACE`, or give the agent's own ServiceAccount there the rule {apiGroups: [""], resources: [serviceaccounts], resourceNames: [default], verbs: [impersonate]}"#);
    // The agent's own account has no such right.
    let own = Secrets::Cluster(agent().await).get(&tenant.namespace, "git").await.unwrap_err();
    insta::assert_snapshot!(told(own, &tenant), @r#"reading secret `git` in namespace `NAMESPACE` is forbidden to the plugin's ServiceAccount; grant it `get` on that secret (a Role with resourceNames: [git])"#);
}

#[tokio::test]
async fn workflows_are_ended_with_the_rights_of_their_namespace() {
    let (cluster, tenant, other) = (acting().await, Tenant::new().await, Tenant::stranger().await);
    let refused = |workflows: Workflows| async move { workflows.get("older").await.unwrap_err() };
    let acts = async || {
        let refused = refused(cluster.workflows(&tenant.namespace).await.unwrap()).await.to_string();
        (!refused.contains("acting as")).then_some(refused)
    };
    let forbidden = in_force(acts).await;
    insta::assert_snapshot!(told(forbidden, &tenant), @r#"reading workflow `older` in namespace `NAMESPACE` is forbidden to ServiceAccount `NAMESPACE/buildkit-executor-plugin`; create that account where there is none, and grant it `get`, `list` and `patch` on workflows of argoproj.io (a Role in that namespace), or let builds queue"#);
    let stranger = refused(cluster.workflows(&other.namespace).await.unwrap()).await;
    insta::assert_snapshot!(told(stranger, &other), @r#"reading workflow `older` in namespace `NAMESPACE`: acting as ServiceAccount `NAMESPACE/buildkit-executor-plugin` is forbidden to this agent; apply deploy/components/agent-rights to namespace `NAMESPACE`, or give the agent's own ServiceAccount there the rule {apiGroups: [""], resources: [serviceaccounts], resourceNames: [buildkit-executor-plugin], verbs: [impersonate]}"#);
    tenant
        .allow(
            "supersede",
            json!({"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get"]}),
        )
        .await;
    // Now only the workflow is missing.
    let allowed = async || {
        let refused = refused(cluster.workflows(&tenant.namespace).await.unwrap()).await.to_string();
        (!refused.contains("forbidden")).then_some(())
    };
    in_force(allowed).await;
}

#[tokio::test]
async fn workflows_are_submitted_with_the_rights_of_their_namespace() {
    let (cluster, tenant, other) = (acting().await, Tenant::new().await, Tenant::stranger().await);
    Argo::shared().await;
    let submission = Submission {
        pushed_at: None,
        traceparent: None,
        name: "api-5e8e821a10c2".to_owned(),
        template: "ci".to_owned(),
        parameters: [("revision".to_owned(), "x".to_owned())].into(),
        labels: [].into(),
        reason: "`main.go` changed".to_owned(),
    };
    let submit = async |tenant: &Tenant| {
        let submitter = cluster.submitter(&tenant.namespace).await.unwrap();
        submitter.submit(&submission).await
    };
    let acts = async || {
        let refused = submit(&tenant).await.unwrap_err().to_string();
        (!refused.contains("acting as")).then_some(refused)
    };
    insta::assert_snapshot!(told(in_force(acts).await, &tenant), @r#"submitting workflow `api-5e8e821a10c2` in namespace `NAMESPACE` is forbidden to ServiceAccount `NAMESPACE/buildkit-executor-plugin`; create that account where there is none, and grant it `create` and `get` on workflows of argoproj.io (the component `submit` of deploy/components, or a Role in that namespace)"#);
    let stranger = submit(&other).await.unwrap_err();
    insta::assert_snapshot!(told(stranger, &other), @r#"submitting workflow `api-5e8e821a10c2` in namespace `NAMESPACE`: acting as ServiceAccount `NAMESPACE/buildkit-executor-plugin` is forbidden to this agent; apply deploy/components/agent-rights to namespace `NAMESPACE`, or give the agent's own ServiceAccount there the rule {apiGroups: [""], resources: [serviceaccounts], resourceNames: [buildkit-executor-plugin], verbs: [impersonate]}"#);
    let verbs = ["create", "get"];
    tenant
        .allow("submit", json!({"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": verbs}))
        .await;
    assert_eq!(in_force(async || submit(&tenant).await.ok()).await, Submitted::Created);
    assert!(matches!(submit(&tenant).await.unwrap(), Submitted::Exists { .. }));
    let odd = Submission { name: "No Name".to_owned(), ..submission.clone() };
    let submitter = cluster.submitter(&tenant.namespace).await.unwrap();
    let refused = submitter.submit(&odd).await.unwrap_err();
    assert!(matches!(&refused, SubmitError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("workflow `No Name` was not submitted"), "{refused}");
}

#[tokio::test]
async fn an_application_is_refreshed_with_the_rights_of_the_workflow_s_namespace() {
    let (cluster, tenant, other) = (acting().await, Tenant::new().await, Tenant::stranger().await);
    let (applications, name) = (Applications::shared().await, unique("app"));
    applications.create(&name).await;
    let (argocd, application) =
        (ArgoCd::new(cluster), Application { namespace: ARGOCD.to_owned(), name: name.clone() });
    let refresh = async |tenant: &Tenant| argocd.refresh(&tenant.namespace, &application).await;
    let text = |error: &str, tenant| told(error.replace(&name, "APP"), tenant);
    let acts = async || {
        let refused = refresh(&tenant).await.unwrap_err().to_string();
        (!refused.contains("acting as")).then_some(refused)
    };
    insta::assert_snapshot!(text(&in_force(acts).await, &tenant), @r#"patching the Application `APP` in namespace `argocd` is forbidden to ServiceAccount `NAMESPACE/buildkit-executor-plugin`; create that account where there is none, and grant it patch on `applications` of API group argoproj.io (a Role in that namespace with resourceNames: [APP])"#);
    let rule = json!({"apiGroups": ["argoproj.io"], "resources": ["applications"], "resourceNames": [name],
        "verbs": ["patch"]});
    tenant.kube.grant_to(ARGOCD, tenant.account(), &name, json!([rule])).await;
    in_force(async || refresh(&tenant).await.ok()).await;
    assert_eq!(applications.refresh(&name).await.as_deref(), Some("normal"));
    let stranger = refresh(&other).await.unwrap_err().to_string();
    insta::assert_snapshot!(text(&stranger, &other), @r#"patching the Application `APP` in namespace `argocd`: acting as ServiceAccount `NAMESPACE/buildkit-executor-plugin` is forbidden to this agent; apply deploy/components/agent-rights to namespace `NAMESPACE`, or give the agent's own ServiceAccount there the rule {apiGroups: [""], resources: [serviceaccounts], resourceNames: [buildkit-executor-plugin], verbs: [impersonate]}"#);
}
