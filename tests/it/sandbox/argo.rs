//! The real controller and agent, with a plugin whose answers the test defines.

use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::argo::{Agent, Argo};
use crate::support::net::{PATIENCE, until};

/// A plugin that answers Running a given number of times, and then Succeeded.
struct Toy {
    port: u16,
    calls: Arc<Mutex<Vec<Value>>>,
}

impl Toy {
    async fn start(token: String, running: usize, requeue: &'static str) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = calls.clone();
        let answer = async move |headers: HeaderMap, Json(body): Json<Value>| {
            assert_eq!(headers["authorization"], format!("Bearer {token}"));
            let mut calls = seen.lock().unwrap();
            calls.push(body);
            let outputs = json!({"parameters": [{"name": "digest", "value": "sha256:1"}]});
            Json(if calls.len() <= running {
                json!({"node": {"phase": "Running", "message": "half way"}, "requeue": requeue})
            } else {
                json!({"node": {"phase": "Succeeded", "message": "done", "outputs": outputs}})
            })
        };
        let router = Router::new().route("/api/v1/template.execute", post(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, calls }
    }

    fn calls(&self) -> Vec<Value> {
        self.calls.lock().unwrap().clone()
    }
}

/// A workflow of one plugin step, its running agent, and the plugin that the agent calls.
async fn workflow(argo: &Argo, running: usize, requeue: &'static str) -> (String, Agent, Toy) {
    let name = argo.submit_plugin(&json!({"buildkit": {"build": {"push": true}}}), &["digest"]).await;
    let mut agent = argo.agent(&name).await;
    let toy = Toy::start(agent.token(), running, requeue).await;
    agent.run(toy.port);
    (name, agent, toy)
}

#[tokio::test]
async fn the_agent_carries_a_plugins_answers_to_the_controller() {
    let argo = Argo::shared().await;
    let (name, agent, toy) = workflow(argo, 1, "200ms").await;
    let (phase, message) = argo.finished(&name).await;
    assert_eq!(phase, "Succeeded", "{message}\n{}", agent.log());
    let node = argo.node_when(&name, |_| true).await;
    assert_eq!((node.phase.as_str(), node.message.as_str()), ("Succeeded", "done"));
    assert_eq!(node.outputs["digest"], "sha256:1");
    let calls = toy.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0]["workflow"]["metadata"]["name"], name);
    assert_eq!(calls[0]["template"]["plugin"]["buildkit"]["build"]["push"], true);
}

#[tokio::test]
async fn an_agent_started_again_sends_the_task_again_at_once() {
    let argo = Argo::shared().await;
    let (name, mut agent, toy) = workflow(argo, 1, "1h").await;
    let called = async || (!toy.calls().is_empty()).then_some(());
    until(|| format!("the first call\n{}", agent.log()), PATIENCE, called).await;
    agent.process().kill();
    agent.run(toy.port);
    assert_eq!(argo.finished(&name).await.0, "Succeeded", "{}", agent.log());
    let calls = toy.calls();
    assert_eq!((calls.len(), &calls[0]), (2, &calls[1]));
}

#[tokio::test]
async fn a_terminated_workflow_ends_its_agent_without_a_word_to_the_plugin() {
    let argo = Argo::shared().await;
    let (name, mut agent, toy) = workflow(argo, 1, "1h").await;
    argo.node_when(&name, |node| node.phase == "Running" && node.message == "half way").await;
    argo.terminate(&name).await;
    assert_eq!(argo.finished(&name).await.0, "Failed");
    assert_eq!(argo.node_when(&name, |_| true).await.phase, "Failed");
    assert!(agent.process().wait().success(), "{}", agent.log());
    assert_eq!(toy.calls().len(), 1);
}

#[tokio::test]
async fn stopping_runs_the_exit_handler() {
    let argo = Argo::shared().await;
    let plugin = json!({"buildkit": {"build": {}}});
    let templates = json!([{"name": "main", "plugin": plugin}, {"name": "bye", "plugin": plugin}]);
    let spec = json!({"entrypoint": "main", "onExit": "bye", "templates": templates});
    let name = argo.submit(&json!({"metadata": {"generateName": "exit-"}, "spec": spec}).to_string()).await;
    let mut agent = argo.agent(&name).await;
    let toy = Toy::start(agent.token(), 1, "1h").await;
    agent.run(toy.port);
    argo.node_when(&name, |node| node.phase == "Running").await;
    argo.stop(&name).await;
    assert_eq!(argo.finished(&name).await.0, "Failed");
    // The stopped node alone proves nothing: Argo 4.0.7 replaces Failed by the agent's last report, Running.
    argo.node_when(&name, |node| node.phase == "Succeeded").await;
    assert_eq!(toy.calls()[1]["template"]["name"], "bye");
}
