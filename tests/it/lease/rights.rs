//! The rights that an election needs, and its message when they are missing.

use serde_json::json;

use super::*;
use crate::support::net::{PATIENCE, unique};

#[tokio::test]
async fn a_campaign_says_what_to_grant_and_needs_no_more() {
    let (kube, namespace) = (Kube::shared().await, unique("agents"));
    kube.namespace(&namespace).await;
    let cluster = Cluster::from(kube.client(Identity::Plugin).await);
    let stand = |identity, retry| {
        let mut config = config("buildkit-agent", identity, LONG);
        config.namespace = Some(namespace.clone());
        config.retry = retry;
        cluster.elect_leader(config)
    };
    let first = stand("first", Duration::from_millis(200));
    let mut problem = first.problem();
    let said = timeout(PATIENCE, problem.wait_for(Option::is_some)).await.unwrap().unwrap().clone();
    insta::assert_snapshot!(said.unwrap().replace(&namespace, "NAMESPACE"), @"reading Lease `buildkit-agent` in namespace `NAMESPACE` is forbidden to this process's ServiceAccount; grant it get, create, update and watch on `leases` of API group coordination.k8s.io (a Role in that namespace)");
    assert_eq!(now(&first), Leadership::Standby { holder: None });

    let group = "coordination.k8s.io";
    let rules = json!([
        {"apiGroups": [group], "resources": ["leases"], "verbs": ["create"]},
        {
            "apiGroups": [group], "resources": ["leases"], "resourceNames": ["buildkit-agent"],
            "verbs": ["get", "update", "watch"],
        },
    ]);
    kube.grant_in(&namespace, Identity::Plugin, "buildkit-agent", rules).await;
    becomes(&first, &Leadership::Leader).await;
    assert_eq!(*first.problem().borrow(), None);
    // It reads the lease only once; later changes come from the watch.
    let second = stand("second", LONG);
    becomes(&second, &standby("first")).await;
    first.release().await;
    becomes(&second, &Leadership::Leader).await;
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() {
    let mut config = config("buildkit-agent", "first", SHORT);
    config.namespace = Some("nowhere".into());
    let election = cluster().await.elect_leader(config);
    let mut problem = election.problem();
    let said = timeout(PATIENCE, problem.wait_for(Option::is_some)).await.unwrap().unwrap().clone();
    insta::assert_snapshot!(said.unwrap(), @r#"creating Lease `buildkit-agent` in namespace `nowhere` failed: namespaces "nowhere" not found; create the namespace, or put the Lease into another one"#);
}
