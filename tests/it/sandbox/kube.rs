//! The API server and its roles.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::json;

use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};

#[tokio::test]
async fn the_api_server_grants_what_a_role_says() {
    let kube = Kube::shared().await;
    let (mine, other) = (unique("mine"), unique("other"));
    kube.secret(&mine, "Opaque", &[("token", "abc")]).await;
    kube.secret(&other, "kubernetes.io/dockerconfigjson", &[(".dockerconfigjson", "{}")]).await;
    let rules =
        json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [mine], "verbs": ["get"]}]);
    kube.grant(Identity::Plugin, &mine, rules).await;

    let secrets: Api<Secret> = Api::namespaced(kube.client(Identity::Plugin).await, BUILDS);
    let granted = async || secrets.get(&mine).await.ok();
    let granted = until(|| "the Role to be in force".to_owned(), PATIENCE, granted).await;
    assert_eq!(granted.data.unwrap()["token"].0, b"abc");
    let refusal = secrets.get(&other).await.unwrap_err().to_string();
    assert!(refusal.contains("forbidden"), "{refusal}");
}
