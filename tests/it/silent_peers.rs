//! A daemon, a registry or a Git server is silent while buildkitd works. The progress names it, and the step's own
//! limit ends the wait.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::black_hole::BlackHole;
use crate::support::buildkitd::Buildkitd;
use crate::support::net::client;
use crate::support::plugin::{Setup, Workflow, expect_phase};
use crate::support::shared::{World, shared_buildkitd};
use crate::support::shop::{Shop, template};
use crate::support::tcp_proxy::{Outage, TcpProxy};

/// Whether a node's message holds `words`.
fn says(words: &str) -> impl Fn(&Value) -> bool {
    move |node| node["message"].as_str().is_some_and(|message| message.contains(words))
}

/// Polls `step` until it names `peer`, and until its limit ends it.
async fn is_named_and_ended(shop: &Shop, mut step: Value, peer: &str) {
    // Longer than the time after which a silence is reported.
    step["timeout"] = json!("25s");
    let (workflow, words) = (Workflow::new(), format!("{peer} silent for"));
    let node = shop.plugin.until(&workflow, &step, says(&words)).await;
    expect_phase(&node, "Running");
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("took longer than its timeout of 25 s, during: "), "{message}");
    assert!(message.contains(&words), "{message}");
}

/// Each waits for its Git server, so it needs no daemon yet.
#[tokio::test]
async fn builds_before_a_silent_git_server_hold_few_connections_to_the_daemon() {
    const BUILDS: usize = 40;
    let daemon = BlackHole::start(shared_buildkitd().address(), None).await;
    let git = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let setup = Setup::new(&format!("tcp://{}", daemon.host()));
    let plugin = setup.arg("--max-running", &BUILDS.to_string()).start();
    let context =
        json!({"repo": format!("http://{}/shop.git", git.local_addr().unwrap()), "revision": "main"});
    let step = template(json!({"build": {"context": context, "tags": ["registry.invalid/shop:1"]}}));
    for _ in 0..BUILDS {
        assert!(plugin.poll(&Workflow::new(), &step).await.0.is_success());
    }
    let mut silent = Vec::new();
    while silent.len() < BUILDS {
        silent.push(git.accept().await.unwrap());
    }
    let early = daemon.connections();
    assert!((1..=16).contains(&early), "{early}");
}

#[tokio::test]
async fn a_silent_daemon_is_named() {
    let world = World::shared().await;
    let hosts = [world.registry.host(), world.gitea.host()];
    let plain = hosts.map(|host| format!("[registry.\"{host}\"]\nhttp = true\n")).concat();
    let daemon = Buildkitd::start_tcp(&plain);
    let proxy = TcpProxy::start(daemon.address().trim_start_matches("tcp://")).await;
    let address = format!("tcp://{}", proxy.host());
    let shop = Shop::with(Setup::new(&address).start(), "FROM BASE\nRUN sleep 600\n").await;
    let (workflow, mut step) = (Workflow::new(), template(shop.build(json!({}))));
    // Less than the silence after which a daemon counts as lost.
    step["timeout"] = json!("40s");
    shop.plugin.until(&workflow, &step, says("RUN sleep 600")).await;
    proxy.interrupt(Outage::Silent);
    let words = format!("RUN sleep 600, buildkitd at {address} silent for");
    let node = shop.plugin.until(&workflow, &step, says(&words)).await;
    expect_phase(&node, "Running");
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("its timeout of 40 s, during: ") && message.contains(&words), "{message}");
    proxy.restore();
}

#[tokio::test]
async fn a_silent_registry_of_a_base_image_is_named() {
    let world = World::shared().await;
    let proxy = TcpProxy::start(world.registry.host()).await;
    proxy.interrupt(Outage::Silent);
    let shop = Shop::open(&format!("FROM {}/base/image:1\n", proxy.host())).await;
    let step = template(shop.build(json!({})));
    is_named_and_ended(&shop, step, &format!("registry {}", proxy.host())).await;
}

#[tokio::test]
async fn a_silent_server_of_an_added_file_is_named() {
    let proxy = TcpProxy::start("127.0.0.1:1").await;
    proxy.interrupt(Outage::Silent);
    let shop = Shop::open(&format!("FROM BASE\nADD http://{}/file /\n", proxy.host())).await;
    let step = template(shop.build(json!({})));
    is_named_and_ended(&shop, step, &format!("server {}", proxy.host())).await;
}

/// The address of a proxy in front of the Git server at `upstream`. It answers us, but not the daemon's `git`.
async fn deaf_to_git(upstream: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(answer).with_state(upstream);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn answer(State(upstream): State<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let agent = parts.headers.get(USER_AGENT).map(|agent| agent.to_str().unwrap().to_owned());
    if agent.is_some_and(|agent| agent.starts_with("git/2.")) {
        return std::future::pending().await;
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING].into_iter().for_each(|own| drop(headers.remove(own)));
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = client().request(parts.method, format!("{upstream}{path}")).headers(headers).body(body);
    let reply = request.send().await.unwrap();
    let (status, mut headers) = (reply.status(), reply.headers().clone());
    headers.remove(TRANSFER_ENCODING);
    (status, headers, Body::from(reply.bytes().await.unwrap())).into_response()
}

#[tokio::test]
async fn a_silent_git_server_is_named() {
    let shop = Shop::open("FROM BASE\n").await;
    let upstream = shop.world.gitea.url();
    let proxy = deaf_to_git(upstream.clone()).await;
    let repo = shop.service.url().replace(&upstream, &proxy);
    let context = json!({"repo": repo, "revision": "main", "secret": {"name": "git"}});
    let step = template(shop.build(json!({"context": context})));
    let host = proxy.trim_start_matches("http://");
    is_named_and_ended(&shop, step, &format!("Git server {host}")).await;
}
