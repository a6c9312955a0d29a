//! The API server cannot be reached for longer than the lease duration.

use super::*;
use crate::support::kube::Identity;
use crate::support::net::PATIENCE;
use crate::support::tcp_proxy::{Outage, TcpProxy};

/// The settings of an agent, and the proxy through which it reaches the API server.
async fn behind_a_proxy(work: &Gated) -> (AgentSetup, TcpProxy) {
    let kube = Kube::shared().await;
    let proxy = TcpProxy::start(kube.host()).await;
    let kubeconfig = kube.kubeconfig_at(Identity::Shared, &proxy.host());
    (work.setup().await.env("KUBECONFIG", kubeconfig.to_str().unwrap()), proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_while_the_api_server_is_away_is_reported_when_it_is_back() {
    let work = Gated::set().await;
    let (setup, proxy) = behind_a_proxy(&work).await;
    let agent = setup.start();
    agent.leads().await;
    let workflow = work.building().await;
    proxy.interrupt(Outage::Refused);
    said(&agent, "could not renew Lease").await;
    let _open = work.open();
    // The steps have already read everything that they need from the API server.
    let committed = async || (work.shop.gitops.commits("main").await.len() == 2).then_some(());
    until(|| format!("the commit\n{}", agent.log()), PATIENCE, committed).await;
    proxy.restore();
    work.is_done_once(&workflow, &agent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_cut_off_is_succeeded_and_does_nothing_beside_the_next() {
    let work = Gated::set().await;
    let (setup, proxy) = behind_a_proxy(&work).await;
    let reaching = Kube::shared().await.kubeconfig(Identity::Shared);
    let other = setup.replica().env("KUBECONFIG", reaching.to_str().unwrap());
    let first = setup.start();
    first.leads().await;
    let second = other.start();
    said(&second, "is held by").await;
    let workflow = work.building().await;
    proxy.interrupt(Outage::Silent);
    second.leads().await;
    assert!(first.log().contains("could not renew Lease"), "{}", first.log());
    let _open = work.open();
    work.is_done_once(&workflow, &second).await;
    proxy.restore();
    said(&first, "standing by: ").await;
    work.is_done_once(&workflow, &second).await;
}
