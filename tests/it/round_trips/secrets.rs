//! Checks that a node's Secrets are read once each, and concurrently.

use argo_buildkit::engine::Tenancy;
use argo_buildkit::kube::{Cluster, Secrets};
use kube::{Client, Config};
use serde_json::json;

use crate::support::api_server_proxy::ApiServerProxy;
use crate::support::engine::{engine, run};
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::unique;
use crate::support::plugin::tree;
use crate::support::round_trip_relay::RoundTripRelay;
use crate::support::shared::shared_gitea;
use crate::support::sshd::key_pair;

#[tokio::test]
async fn a_node_reads_each_secret_once_and_waits_for_none_before_the_next() {
    let kube = Kube::shared().await;
    let gitea = tokio::task::spawn_blocking(shared_gitea).await.unwrap();
    let owner = gitea.user("once").await;
    let repo = gitea.repo(&owner, "gitops").await;
    let files = tree(&[("values.yaml", "image:\n  tag: old\n")]);
    repo.push_directory(files.path(), "main", "lay out").await;
    let (login, signer) = (unique("login"), unique("signer"));
    let token = gitea.token(&owner, &["write:repository"]).await;
    kube.secret(&login, "Opaque", &[("username", &owner), ("token", &token)]).await;
    kube.secret(&signer, "Opaque", &[("key", &key_pair().private)]).await;

    let proxy = ApiServerProxy::start(kube.client(Identity::Admin).await).await;
    let relay = RoundTripRelay::start(proxy.host()).await;
    let client = Client::try_from(Config::new(format!("http://{}", relay.host()).parse().unwrap())).unwrap();
    let cluster = Cluster::from(client);
    let engine = engine("tcp://127.0.0.1:1", cluster.clone(), Secrets::Cluster(cluster), Tenancy::own());
    let update = |name: &str, tag: &str| {
        let targets = [json!({"file": "values.yaml", "helm": {"image.tag": tag}})];
        let signed = json!({"name": signer, "key": "key"});
        let update = json!({"repo": repo.url(), "secret": login, "signing-key": signed, "targets": targets});
        json!({"name": name, "update-manifest": update})
    };
    relay.hold(&login);
    let beside = async {
        relay.came(&login, 1).await;
        relay.came(&signer, 1).await;
        relay.release();
    };
    let body = json!({"steps": [update("one", "1"), update("two", "2")]});
    let (ended, ()) = tokio::join!(run(&engine, BUILDS, &body), beside);
    ended.unwrap();
    assert_eq!(relay.take().len(), 2);
}
