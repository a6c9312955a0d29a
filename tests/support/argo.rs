//! The real Argo Workflows controller on a [`Kube`], and its agent as a process of this host.
//!
//! There is no kubelet: the agent's pod exists as an object only. [`Agent`] and the test run the commands of its
//! containers.

mod agent;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub(crate) use self::agent::Agent;
use super::bin;
use super::kube::{BUILDS, Identity, Kube};
use super::net::{PATIENCE, client, free_port, until};
use super::process::{self, Process};

/// The name of the plugin's container, and so of its token's directory.
pub(crate) const PLUGIN: &str = "argo-buildkit";

const WORKFLOWS: &str = "argoproj.io/v1alpha1";

/// A running controller that starts agents for our plugin, limited to one namespace.
pub(crate) struct Argo {
    controller: Arc<Controller>,
    kube: &'static Kube,
    namespace: String,
}

struct Controller {
    process: Process,
    _root: tempfile::TempDir,
    metrics: String,
}

/// A node of a workflow, from its status.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Error`, ….
    pub(crate) phase: String,
    /// Empty if there is none.
    pub(crate) message: String,
    /// Output parameters by name.
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Argo {
    /// The controller of this process, on [`Kube::shared`].
    pub(crate) async fn shared() -> &'static Self {
        static ARGO: OnceCell<Argo> = OnceCell::const_new();
        ARGO.get_or_init(async || Self::start(Kube::shared().await).await).await
    }

    /// A controller on `kube`, which must have no other.
    async fn start(kube: &'static Kube) -> Self {
        install_crds(kube).await;
        let port = free_port().to_string();
        kube.apply_yaml(&OBJECTS.replace("METRICS_PORT", &port)).await;
        let root = process::directory("argo-");
        let mut command = Command::new(bin::testbed("workflow-controller"));
        command.env_clear().env("HOME", root.path()).envs(CONTROLLER_ENV.iter().copied());
        command.arg("--kubeconfig").arg(kube.kubeconfig(Identity::Admin));
        command.args(["-n", "argo", "--executor-image", "none", "--executor-plugins"]);
        let controller = Process::spawn("workflow-controller", command, &root.path().join("log"));
        let metrics = format!("http://127.0.0.1:{port}/metrics");
        let controller = Arc::new(Controller { process: controller, _root: root, metrics });
        Self { controller, kube, namespace: BUILDS.to_owned() }
    }

    /// The same controller in `namespace`, which gets what workflows of the ServiceAccount `wf` need.
    pub(crate) async fn within(&self, namespace: &str) -> Self {
        self.kube.namespace(namespace).await;
        let account = OBJECTS.split("---\n").filter(|object| object.contains("namespace: builds"));
        let objects: Vec<_> = account.collect();
        self.kube.apply_yaml(&objects.join("---\n").replace("builds", namespace)).await;
        Self { controller: self.controller.clone(), kube: self.kube, namespace: namespace.to_owned() }
    }

    /// The output of the controller.
    pub(crate) fn log(&self) -> String {
        self.controller.process.log()
    }

    /// Creates the Workflow of a YAML text, with the ServiceAccount `wf`. Returns its name.
    pub(crate) async fn submit(&self, yaml: &str) -> String {
        let mut object: Value = serde_saphyr::from_str(yaml).unwrap();
        object["apiVersion"] = json!(WORKFLOWS);
        object["kind"] = json!("Workflow");
        object["metadata"]["namespace"] = json!(self.namespace);
        object["spec"]["serviceAccountName"] = json!("wf");
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let created = self.workflows().await.create(&PostParams::default(), &object).await.unwrap();
        created.metadata.name.unwrap()
    }

    /// The task that the controller gives to the agent of `workflow`: a template with all parameters replaced.
    pub(crate) async fn task(&self, workflow: &str) -> Value {
        let sets = self.kube.api(WORKFLOWS, "WorkflowTaskSet", &self.namespace).await;
        let find = async || {
            let status = self.workflow(workflow).await["status"].take();
            assert!(
                !status["finishedAt"].is_string(),
                "{workflow} ended without a task: {}",
                status["message"]
            );
            let set = sets.get_opt(workflow).await.unwrap()?;
            set.data["spec"]["tasks"].as_object()?.values().next().cloned()
        };
        self.wait(&format!("a task of {workflow}"), find).await
    }

    /// Creates a Workflow of one plugin template that declares `outputs`. Returns its name.
    pub(crate) async fn submit_plugin(&self, plugin: &Value, outputs: &[&str]) -> String {
        let supplied = |name: &&str| json!({"name": name, "valueFrom": {"supplied": {}, "default": ""}});
        let parameters: Vec<_> = outputs.iter().map(supplied).collect();
        let template = json!({"name": "main", "outputs": {"parameters": parameters}, "plugin": plugin});
        let spec = json!({"entrypoint": "main", "templates": [template]});
        self.submit(&json!({"metadata": {"generateName": "it-"}, "spec": spec}).to_string()).await
    }

    /// Waits until the controller has created the agent of `workflow`. Its token exists, but it is not running.
    pub(crate) async fn agent(&self, workflow: &str) -> Agent {
        let pods = self.kube.api("v1", "Pod", &self.namespace).await;
        let agents = ListParams::default().labels(&format!(
            "workflows.argoproj.io/component=agent,workflows.argoproj.io/workflow={workflow}"
        ));
        let find = async || pods.list(&agents).await.unwrap().items.pop();
        let pod = self.wait(&format!("the agent's pod of {workflow}"), find).await;
        Agent::of_pod(self.kube, &pod.data)
    }

    /// The Workflow object.
    pub(crate) async fn workflow(&self, name: &str) -> Value {
        serde_json::to_value(self.workflows().await.get(name).await.unwrap()).unwrap()
    }

    /// Every node that has a plugin template, by its display name.
    pub(crate) async fn nodes(&self, workflow: &str) -> BTreeMap<String, Node> {
        let status = self.workflow(workflow).await["status"].take();
        let nodes = match status["compressedNodes"].as_str() {
            Some(packed) => unpacked(packed),
            None => status["nodes"].clone(),
        };
        let nodes = nodes.as_object().cloned().unwrap_or_default();
        let plugins = nodes.values().filter(|node| node["type"] == "Plugin");
        plugins.map(|node| (text(&node["displayName"]), Node::read(node))).collect()
    }

    /// Waits for a plugin node for which `condition` is true.
    pub(crate) async fn node_when(&self, workflow: &str, condition: impl Fn(&Node) -> bool) -> Node {
        let find = async || self.nodes(workflow).await.into_values().find(&condition);
        self.wait(&format!("a node of {workflow}"), find).await
    }

    /// Waits for a line of the controller's metrics that contains all of `words`.
    pub(crate) async fn metric(&self, words: &[&str]) -> String {
        let find = async || {
            let text = client().get(&self.controller.metrics).send().await.ok()?.text().await.ok()?;
            text.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned)
        };
        self.wait(&format!("a metric with {words:?}"), find).await
    }

    /// Waits for the workflow's end. Returns its phase and message.
    pub(crate) async fn finished(&self, workflow: &str) -> (String, String) {
        let find = async || {
            let status = self.workflow(workflow).await["status"].take();
            let ended = status["finishedAt"].is_string();
            ended.then(|| (text(&status["phase"]), text(&status["message"])))
        };
        self.wait(&format!("the end of {workflow}"), find).await
    }

    /// Stops the workflow; exit handlers run.
    pub(crate) async fn stop(&self, workflow: &str) {
        self.shut_down(workflow, "Stop").await;
    }

    /// Terminates the workflow; exit handlers do not run.
    pub(crate) async fn terminate(&self, workflow: &str) {
        self.shut_down(workflow, "Terminate").await;
    }

    /// Deletes the workflow, and from then on its task set, like the garbage collector of a cluster: a controller that is
    /// still at work on the workflow creates the task set again.
    pub(crate) async fn delete(&self, workflow: &str) {
        self.workflows().await.delete(workflow, &DeleteParams::default()).await.unwrap();
        let sets = self.kube.api(WORKFLOWS, "WorkflowTaskSet", &self.namespace).await;
        sets.delete(workflow, &DeleteParams::default()).await.unwrap();
        let workflow = workflow.to_owned();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let _ = sets.delete(&workflow, &DeleteParams::default()).await;
            }
        });
    }

    async fn shut_down(&self, workflow: &str, how: &str) {
        let patch = Patch::Merge(json!({"spec": {"shutdown": how}}));
        self.workflows().await.patch(workflow, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Polls `probe`. A panic contains the end of the controller's log.
    async fn wait<T>(&self, what: &str, probe: impl AsyncFn() -> Option<T>) -> T {
        let failed = || {
            let log = self.log();
            let lines: Vec<_> = log.lines().rev().take(15).collect();
            format!("{what}; the controller, last line first:\n{}", lines.join("\n"))
        };
        until(failed, PATIENCE, &probe).await
    }

    async fn workflows(&self) -> Api<DynamicObject> {
        self.kube.api(WORKFLOWS, "Workflow", &self.namespace).await
    }
}

impl Node {
    fn read(node: &Value) -> Self {
        let parameters = node["outputs"]["parameters"].as_array().cloned().unwrap_or_default();
        let outputs = parameters.iter().map(|p| (text(&p["name"]), text(&p["value"]))).collect();
        Self { phase: text(&node["phase"]), message: text(&node["message"]), outputs }
    }
}

/// Installs Argo's kinds on [`Kube::shared`], once.
pub(crate) async fn install_crds(kube: &'static Kube) {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED.get_or_init(async || apply_crds(kube).await).await;
}

/// Installs them on another server.
pub(crate) async fn apply_crds(kube: &Kube) {
    let testbed = bin::testbed("workflow-controller");
    let directory = testbed.ancestors().nth(2).unwrap().join("share/argo/crds");
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("argoproj.io_") {
            kube.apply_yaml(&fs::read_to_string(path).unwrap()).await;
        }
    }
    for kind in ["Workflow", "WorkflowTaskSet", "WorkflowTaskResult", "WorkflowArtifactGCTask"] {
        let objects = kube.api(WORKFLOWS, kind, BUILDS).await;
        until(|| kind.to_owned(), PATIENCE, async || objects.list(&ListParams::default()).await.ok()).await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The settings from the documentation. Without them, every node takes 30 s.
const CONTROLLER_ENV: [(&str, &str); 5] = [
    ("ARGO_EXECUTOR_PLUGINS", "true"),
    ("LEADER_ELECTION_DISABLE", "true"),
    ("ARGO_AGENT_PATCH_RATE", "100ms"),
    ("DEFAULT_REQUEUE_TIME", "200ms"),
    ("INFORMER_WRITE_BACK", "true"),
];

/// Its metrics have a separate port, because several controllers share the host. It also wants 6060, which may be in
/// use.
const OBJECTS: &str = include_str!("argo/objects.yaml");

/// The nodes of a large workflow.
fn unpacked(packed: &str) -> Value {
    let gzip = BASE64_STANDARD.decode(packed).unwrap();
    serde_json::from_reader(flate2::read::MultiGzDecoder::new(&*gzip)).unwrap()
}
