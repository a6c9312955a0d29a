//! An agent whose account lacks a rule: the message names it, and the agent goes on once it is granted.

use argo_buildkit::kube::{KubeError, ReportError};

use super::*;
use crate::support::kube::client;
use crate::support::net::{PATIENCE, until};

/// The cluster as an account without any rights sees it; its name.
async fn stranger(sets: &Sets) -> (Cluster, String) {
    let user = format!("system:serviceaccount:{}:buildkit-agent", sets.namespace);
    (Cluster::from(client(&sets.kube.kubeconfig_as(&user)).await), user)
}

async fn grant(sets: &Sets, user: &str, resource: &str, verbs: &[&str]) {
    let rules = json!([{"apiGroups": ["argoproj.io"], "resources": [resource], "verbs": verbs}]);
    sets.kube.grant_user(&sets.namespace, user, &unique("agent"), rules).await;
}

#[tokio::test]
async fn a_forbidden_watch_names_the_rule_and_begins_once_it_is_granted() {
    let sets = Sets::new().await;
    sets.one("hidden").await;
    let (cluster, user) = stranger(&sets).await;
    let mut watch = Watch::of(&cluster, &sets.options());
    assert!(matches!(watch.next().await, TaskSetEvent::Relisting(_)));
    let forbidden = watch.told().await.unwrap_err();
    assert!(matches!(&forbidden, KubeError::Forbidden { .. }), "{forbidden:?}");
    insta::assert_snapshot!(forbidden.to_string().replace(&sets.namespace, "NS"), @r#"watching `workflowtasksets` in namespace `NS` is forbidden to the agent's ServiceAccount; grant it list and watch on `workflowtasksets` of API group argoproj.io (a Role in that namespace)"#);

    grant(&sets, &user, "workflowtasksets", &["list", "watch"]).await;
    let seen = loop {
        if let TaskSetEvent::Seen(state) = watch.recovered().await {
            break state;
        }
    };
    assert_eq!(seen.id.name, "hidden");
    let mut everywhere = Watch::of(&cluster, &TaskSetsOptions { scope: Scope::All, ..sets.options() });
    everywhere.next().await;
    insta::assert_snapshot!(everywhere.told().await.unwrap_err(), @r#"watching `workflowtasksets` in all namespaces is forbidden to the agent's ServiceAccount; grant it list and watch on `workflowtasksets` of API group argoproj.io (a ClusterRole)"#);
}

#[tokio::test]
async fn a_forbidden_report_names_the_rule_and_patch_alone_is_enough() {
    let sets = Sets::new().await;
    let state = sets.one("mine").await;
    let (cluster, user) = stranger(&sets).await;
    let results = [success(&state, "mine")];
    let forbidden = cluster.report(&state.id, &state.basis, &results).await.unwrap_err();
    assert!(matches!(forbidden, ReportError::Kube(KubeError::Forbidden { .. })), "{forbidden:?}");
    insta::assert_snapshot!(forbidden.to_string().replace(&sets.namespace, "NS"), @r#"reporting to WorkflowTaskSet `mine` in namespace `NS` is forbidden to the agent's ServiceAccount; grant it patch on `workflowtasksets/status` of API group argoproj.io (a Role in that namespace, or a ClusterRole)"#);

    grant(&sets, &user, "workflowtasksets/status", &["patch"]).await;
    let report = async || cluster.report(&state.id, &state.basis, &results).await.ok();
    until(|| "the Role to be in force".to_owned(), PATIENCE, report).await;
    // The basis is out of date: the refusal is examined without a right to read.
    cluster.report(&state.id, &state.basis, &results).await.unwrap();
}
