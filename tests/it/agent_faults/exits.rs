//! The exit handler of the bundled templates: a chat that takes its time, and an agent that dies meanwhile.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use reqwest::Method;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::*;
use crate::support::shop::merge;

const TEMPLATE: &str = include_str!("../../../workflow-templates/build-push.yaml");

/// A chat that answers when it is opened.
struct SlowChat {
    url: String,
    received: Arc<Mutex<Vec<Value>>>,
    opened: Arc<Semaphore>,
}

impl SlowChat {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook/slow-1", listener.local_addr().unwrap());
        let (received, opened) = (Arc::<Mutex<Vec<Value>>>::default(), Arc::new(Semaphore::new(0)));
        let (all, gate) = (received.clone(), opened.clone());
        let handler = move |body: Bytes| {
            let (all, gate) = (all.clone(), gate.clone());
            async move {
                all.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                drop(gate.acquire().await.unwrap());
                "{}"
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, received, opened }
    }

    /// The messages so far.
    fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until it has got `number` messages.
    async fn has(&self, number: usize, agent: &SharedAgent) {
        let there = async || (self.received().len() >= number).then_some(());
        until(|| format!("{number} messages, not {:?}\n{}", self.received(), agent.log()), PATIENCE, there)
            .await;
    }

    fn open(&self) {
        self.opened.add_permits(1);
    }
}

/// A tenant whose workflows fail, and tell that.
struct Telling {
    shop: Shop,
    tenant: Tenant,
    chat: SlowChat,
}

impl Telling {
    async fn set() -> Self {
        let (shop, tenant) = (Shop::open("FROM BASE\n").await, Tenant::new().await);
        tenant.secrets(&shop).await;
        let chat = SlowChat::start().await;
        Kube::shared().await.secret_in(&tenant.namespace, "chat", "Opaque", &[("url", &chat.url)]).await;
        let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["chat"], "verbs": ["get"]}]);
        tenant.grant(rules).await;
        Self { shop, tenant, chat }
    }

    async fn setup(&self) -> AgentSetup {
        AgentSetup::new(shared_buildkitd().address(), &[&self.tenant]).await
    }

    /// Submits a workflow of the bundled template that fails, with more fields of `notify`, and waits until its message is being
    /// sent. Returns its name.
    async fn failing(&self, agent: &SharedAgent, fields: &Value) -> String {
        let (repo, image) = (self.shop.service.url(), self.shop.image());
        let set = [
            ("repo", repo.as_str()),
            ("image", image.as_str()),
            ("revision", self.shop.sha.as_str()),
            ("dockerfile", "Missing"),
            ("cache-registry", ""),
            ("git-secret", "git"),
            ("registry-secret", "registry"),
            ("status-secret", "git"),
            ("notify-to", "webhook"),
            ("notify-secret", "chat"),
        ];
        let mut template: Value = serde_saphyr::from_str(TEMPLATE).unwrap();
        let mut spec = template["spec"].take();
        for parameter in spec["arguments"]["parameters"].as_array_mut().unwrap() {
            if let Some((_, value)) = set.iter().find(|(name, _)| parameter["name"] == *name) {
                parameter["value"] = json!(value);
            }
        }
        let tell =
            spec["templates"].as_array_mut().unwrap().iter_mut().find(|one| one["name"] == "tell").unwrap();
        merge(&mut tell["plugin"]["buildkit"]["steps"][1]["notify"], fields.clone());
        let workflow = json!({"metadata": {"generateName": "telling-"}, "spec": spec}).to_string();
        let workflow = self.tenant.argo.submit(&workflow).await;
        self.chat.has(1, agent).await;
        // The controller has read this progress, so it has made the task again meanwhile.
        self.tenant.argo.node_when(&workflow, |node| node.message.contains("sending the message to")).await;
        workflow
    }

    /// Lets the chat answer. The workflow must then end as it did without a message.
    async fn ends(&self, workflow: &str, agent: &SharedAgent) {
        self.chat.open();
        let (phase, message) = self.tenant.argo.finished(workflow).await;
        let nodes = self.tenant.argo.nodes(workflow).await;
        assert_eq!(phase, "Failed", "{message} {nodes:?}\n{}", agent.log());
        assert_eq!(nodes["report"].outputs["notified"], "true", "{nodes:?}");
        let path = format!("/repos/{}/statuses/{}?limit=50", self.shop.service.full_name(), self.shop.sha);
        let all = self.shop.world.gitea.call(Method::GET, &path, None).await;
        let mut all = all.as_array().unwrap().clone();
        all.sort_by_key(|status| status["id"].as_u64());
        let states: Vec<_> = all.iter().map(|status| &status["status"]).collect();
        assert_eq!(states, ["pending", "failure"], "{}", agent.log());
    }
}

/// A task with another text is another task. The handler's has the same text each time the controller makes it.
#[tokio::test]
async fn a_message_that_takes_its_time_is_sent_once() {
    sent_once(&json!({})).await;
}

/// What Argo measures is in the text of the task that was there first.
#[tokio::test]
async fn a_message_is_sent_once_although_argo_measures_something_else_each_time() {
    let fields = json!({"duration": "{{workflow.duration}}", "failures": "{{workflow.failures}}"});
    let one = sent_once(&fields).await;
    assert!(one["facts"]["took"].is_string(), "{one}");
}

async fn sent_once(fields: &Value) -> Value {
    let telling = Telling::set().await;
    let agent = telling.setup().await.start();
    agent.leads().await;
    let workflow = telling.failing(&agent, fields).await;
    telling.ends(&workflow, &agent).await;
    let received = telling.chat.received();
    let [one] = &received[..] else { panic!("{received:?}\n{}", agent.log()) };
    assert_eq!(one["status"], "Failed", "{one}");
    assert!(one["failures"].to_string().contains("Missing"), "{one}");
    one.clone()
}

/// Nobody knows what became of a message when its agent dies. So the next agent sends it again, and the receiver can tell
/// that it is the same.
#[tokio::test]
async fn a_message_whose_agent_dies_is_sent_by_the_next_as_the_same() {
    let telling = Telling::set().await;
    let setup = telling.setup().await;
    let other = setup.replica();
    let first = setup.start();
    first.leads().await;
    let second = other.start();
    said(&second, "is held by").await;
    let workflow = telling.failing(&first, &json!({})).await;
    first.kill();
    second.leads().await;
    telling.chat.has(2, &second).await;
    telling.ends(&workflow, &second).await;
    let received = telling.chat.received();
    let [one, again] = &received[..] else { panic!("{received:?}\n{}", second.log()) };
    assert_eq!(one, again, "{}", second.log());
}
