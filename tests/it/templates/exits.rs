//! However a workflow ends, its commit shows that, and one message says so.

use kube::api::{Patch, PatchParams};
use reqwest::Method;
use serde_json::{Value, json};

use super::pipeline::Site;
use super::{installed, submit};
use crate::argo::sidecar;
use crate::support::argo::{Agent, Argo};
use crate::support::chat::ChatServer;
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{free_port, unique};
use crate::support::plugin::Plugin;

/// The file of a build that runs until it is stopped.
const ENDLESS: &str = "Endless";

/// A way in which a workflow ends.
struct Way {
    /// The end of the image's name, and so of the check's.
    name: &'static str,
    /// The word of the message.
    outcome: &'static str,
    /// The last status of the commit.
    state: &'static str,
}

/// A running workflow with its agent and its sidecar.
struct Run {
    workflow: String,
    _agent: Agent,
    _plugin: Plugin,
}

/// A site whose workflows tell how they ended.
struct Told {
    site: Site,
    chat: ChatServer,
    /// The Secret with the chat's address.
    secret: String,
    /// A commit with the file [`ENDLESS`].
    commit: String,
}

impl Told {
    async fn open() -> Self {
        let (site, chat, secret) = (Site::open().await, ChatServer::start().await, unique("chat"));
        let kube = Kube::shared().await;
        kube.secret(&secret, "Opaque", &[("url", &chat.url("/webhook/7f3c0b1a-9d2e"))]).await;
        let rules = json!([
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [secret], "verbs": ["get"]},
            {"apiGroups": ["argoproj.io"], "resources": ["workflowtasksets", "workflows"], "verbs": ["get", "list", "watch"]},
        ]);
        kube.grant(Identity::Plugin, &unique("tell"), rules).await;
        let endless = format!("FROM {}\nRUN sleep 1000\n", site.shop.world.busybox);
        let commit = site.shop.service.commit_file("main", ENDLESS, &endless, "Wait").await;
        Self { site, chat, secret, commit }
    }

    /// Starts a workflow that tells.
    async fn start(&self, argo: &Argo, way: &Way, more: &[(&str, &str)]) -> Run {
        let (image, own) = (format!("{}-{}", self.site.shop.image(), way.name), self.site.parameters());
        let git = own.iter().find(|(name, _)| *name == "git-secret").unwrap().1;
        let mut parameters = own.clone();
        let telling = [
            ("image", image.as_str()),
            ("revision", self.commit.as_str()),
            ("status-secret", git),
            ("notify-to", "webhook"),
            ("notify-secret", self.secret.as_str()),
        ];
        let all = [&telling[..], more].concat();
        for (name, value) in all {
            parameters.retain(|(other, _)| *other != name);
            parameters.push((name, value));
        }
        let workflow = submit(argo, "ci-cd-buildkit-deploy", &parameters).await;
        let mut agent = argo.agent(&workflow).await;
        let port = free_port();
        let plugin = sidecar(&agent, port).await;
        agent.run(port);
        Run { workflow, _agent: agent, _plugin: plugin }
    }

    /// Starts a build that does not end by itself, and waits until it runs.
    async fn start_endless(&self, argo: &Argo, way: &Way, more: &[(&str, &str)]) -> Run {
        let run = self.start(argo, way, &[&[("dockerfile", ENDLESS)][..], more].concat()).await;
        argo.node_when(&run.workflow, |node| node.message.contains("RUN sleep 1000")).await;
        assert_eq!(self.states(way).await, ["pending"], "{}", way.name);
        run
    }

    /// The statuses of the commit that the workflow of `way` has set, the oldest first.
    async fn states(&self, way: &Way) -> Vec<String> {
        let shop = &self.site.shop;
        let image = format!("{}-{}", shop.image(), way.name);
        let context = format!("argo-buildkit/{BUILDS}/{}", image.split_once('/').unwrap().1);
        let path = format!("/repos/{}/statuses/{}?limit=50", shop.service.full_name(), self.commit);
        let all = shop.world.gitea.call(Method::GET, &path, None).await;
        let mut all = all.as_array().unwrap().clone();
        all.retain(|status| status["context"] == context.as_str());
        all.sort_by_key(|status| status["id"].as_u64());
        all.iter().map(|status| status["status"].as_str().unwrap().to_owned()).collect()
    }

    /// The messages about a workflow.
    fn messages(&self, workflow: &str) -> Vec<Value> {
        let name = format!("{BUILDS}/{workflow}");
        let bodies = self.chat.received().into_iter().map(|got| got.body);
        bodies.filter(|body| body["workflow"] == name.as_str()).collect()
    }

    /// Waits for the end, and compares what was told. Returns the message.
    async fn expect(&self, argo: &Argo, way: &Way, run: &Run) -> Value {
        let (phase, message) = argo.finished(&run.workflow).await;
        let expected = if way.state == "success" { "Succeeded" } else { "Failed" };
        let nodes = argo.nodes(&run.workflow).await;
        assert_eq!(phase, expected, "{}: {message} {nodes:?}", way.name);
        let messages = self.messages(&run.workflow);
        let [one] = &messages[..] else { panic!("{}: {messages:?} {nodes:?}", way.name) };
        assert_eq!(one["status"], way.outcome, "{}: {one} {nodes:?}", way.name);
        assert_eq!(self.states(way).await, ["pending", way.state], "{}: {nodes:?}", way.name);
        one.clone()
    }

    /// Runs a workflow that ends by itself.
    async fn ends(&self, argo: &Argo, way: Way, more: &[(&str, &str)]) -> Value {
        let run = self.start(argo, &way, more).await;
        self.expect(argo, &way, &run).await
    }
}

/// `argo stop`, or what `supersede` writes.
async fn stop(workflow: &str, superseded_by: Option<&str>) {
    let kube = Kube::shared().await;
    let api = kube.api("argoproj.io/v1alpha1", "Workflow", BUILDS).await;
    let mut patch = json!({"spec": {"shutdown": "Stop"}});
    if let Some(newer) = superseded_by {
        patch["metadata"] = json!({"annotations": {"argo-buildkit.io/superseded-by": newer}});
    }
    let patch = Patch::Merge(patch);
    api.patch(workflow, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn a_workflow_that_ends_by_itself_is_told_once() {
    let (argo, told) = (installed().await, Told::open().await);
    let done = Way { name: "done", outcome: "Succeeded", state: "success" };
    let failed = Way { name: "failed", outcome: "Failed", state: "failure" };
    let error = Way { name: "error", outcome: "Error", state: "error" };
    let nobody = "http://127.0.0.1:1/ops/gitops.git";
    let (no_file, no_repository) = ([("dockerfile", "Missing")], [("gitops-repo", nobody)]);
    let (done, failed, error) = tokio::join!(
        told.ends(argo, done, &[]),
        told.ends(argo, failed, &no_file),
        told.ends(argo, error, &no_repository),
    );
    assert_eq!(done["failures"], json!([]));
    assert_eq!(done["facts"]["commit"], told.commit[..10]);
    assert_eq!(done["facts"]["ref"], "refs/heads/main");
    assert!(done["title"].as_str().unwrap().ends_with("-done succeeded"), "{done}");
    for (one, why) in [(failed, "Missing"), (error, "127.0.0.1:1")] {
        let failures = one["failures"].as_array().unwrap();
        let [node] = &failures[..] else { panic!("one node has done the work: {one}") };
        assert!(node["name"] == "pipeline" && node["message"].to_string().contains(why), "{one}");
    }
}

#[tokio::test]
async fn a_workflow_that_is_ended_is_told_once() {
    let (argo, told) = (installed().await, Told::open().await);
    let stopped = Way { name: "stopped", outcome: "Cancelled", state: "error" };
    let superseded = Way { name: "superseded", outcome: "Superseded", state: "error" };
    let late = Way { name: "late", outcome: "TimedOut", state: "failure" };
    let ended = async |way: &Way, newer: Option<&str>| {
        let run = told.start_endless(argo, way, &[]).await;
        stop(&run.workflow, newer).await;
        told.expect(argo, way, &run).await
    };
    let timed_out = async {
        let run = told.start(argo, &late, &[("dockerfile", ENDLESS), ("timeout", "3s")]).await;
        told.expect(argo, &late, &run).await
    };
    let (stopped, superseded, late) =
        tokio::join!(ended(&stopped, None), ended(&superseded, Some("newer")), timed_out);
    // That a step was stopped says nothing about the commit.
    assert_eq!((&stopped["failures"], &superseded["failures"]), (&json!([]), &json!([])));
    assert!(late["failures"].to_string().contains("took longer than its timeout of 3.0 s"), "{late}");
}

/// A push that does not touch the service is nobody's news.
#[tokio::test]
async fn a_workflow_that_builds_nothing_tells_nothing() {
    let (argo, told) = (installed().await, Told::open().await);
    let way = Way { name: "untouched", outcome: "", state: "" };
    let more = [("before", told.site.shop.sha.as_str()), ("paths-ignore", ENDLESS)];
    let run = told.start(argo, &way, &more).await;
    let (phase, message) = argo.finished(&run.workflow).await;
    assert_eq!(phase, "Succeeded", "{message}");
    assert_eq!(argo.nodes(&run.workflow).await["pipeline"].outputs["selected"], "false");
    assert!(told.messages(&run.workflow).is_empty() && told.states(&way).await.is_empty());
}

/// Neither the forge nor the chat decides what became of the work.
#[tokio::test]
async fn a_workflow_succeeds_although_nobody_can_be_told() {
    let (argo, told) = (installed().await, Told::open().await);
    let way = Way { name: "silent", outcome: "", state: "" };
    let more = [("status-secret", "no-such-secret"), ("notify-secret", "no-such-secret")];
    let run = told.start(argo, &way, &more).await;
    let (phase, message) = argo.finished(&run.workflow).await;
    assert_eq!(phase, "Succeeded", "{message}");
    let nodes = argo.nodes(&run.workflow).await;
    assert_eq!(nodes.len(), 2, "the work, and its report: {nodes:?}");
    let outputs = &nodes["report"].outputs;
    for problem in ["status-problem", "notify-problem"] {
        assert!(outputs[problem].contains("no-such-secret"), "{problem}: {outputs:?}");
    }
    // A task that is refused fails its node, and not the workflow.
    let run = told.start(argo, &way, &[("notify-to", "wecom"), ("notify-signed", "true")]).await;
    assert_eq!(argo.finished(&run.workflow).await.0, "Succeeded");
    assert_eq!(argo.nodes(&run.workflow).await["report"].phase, "Failed");
}
