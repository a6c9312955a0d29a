//! An API server with late answers.

use super::*;
use crate::support::api_server_proxy::ApiServerProxy;
use crate::support::kube::Identity;
use crate::support::net::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_comes_while_progress_is_being_reported_is_reported_too() {
    let work = Gated::set().await;
    let proxy = ApiServerProxy::start(Kube::shared().await.client(Identity::Shared).await).await;
    let room = tempfile::tempdir().unwrap();
    let kubeconfig = room.path().join("kubeconfig");
    std::fs::write(&kubeconfig, proxy.kubeconfig()).unwrap();
    let agent = work.setup().await.env("KUBECONFIG", kubeconfig.to_str().unwrap()).start();
    agent.leads().await;
    let workflow = work.building().await;
    proxy.keep_answers(true);
    until(|| agent.log(), PATIENCE, async || (proxy.kept() > 0).then_some(())).await;
    let _open = work.open();
    agent.metric("argo_buildkit_jobs_running 0").await;
    proxy.keep_answers(false);
    work.is_done_once(&workflow, &agent).await;
}
