//! When a workflow is stopped, terminated or deleted, its running steps end too. The real controller withdraws them,
//! and the real agent continues to poll.

use serde_json::{Value, json};

use crate::argo::secrets;
use crate::lifecycle::own_daemon;
use crate::support::argo::{Agent, Argo};
use crate::support::buildkitd::Buildkitd;
use crate::support::kube::{Identity, Kube};
use crate::support::net::{PATIENCE, free_port, unique, until};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, template};

/// Two images whose RUN lasts until it is killed.
const ENDLESS: &str = "FROM BASE AS main\nRUN sleep 600\nFROM BASE AS exit\nRUN sleep 700\n";

/// A workflow with an endless RUN and an exit handler with another, its agent, and the sidecar that both use.
struct Scene {
    argo: &'static Argo,
    workflow: String,
    daemon: Buildkitd,
    plugin: Plugin,
    _agent: Agent,
}

impl Scene {
    /// The state while the workflow's own RUN runs.
    async fn set() -> Self {
        Self::with(json!({})).await
    }

    /// The same of a workflow whose spec has `more`.
    async fn with(more: Value) -> Self {
        let (argo, kube) = (Argo::shared().await, Kube::shared().await);
        let (daemon, shop) = (own_daemon().await, Shop::open(ENDLESS).await);
        let (git, registry) = secrets(&shop, &["git", "registry"]).await;
        let verbs = ["get", "list", "watch"];
        let rules = json!([{"apiGroups": ["argoproj.io"], "resources": ["workflowtasksets", "workflows"], "verbs": verbs}]);
        kube.grant(Identity::Plugin, "watch-task-sets", rules).await;
        let mut workflow = workflow(&shop, &git, &registry);
        more.as_object().into_iter().flatten().for_each(|(key, value)| workflow["spec"][key] = value.clone());
        let workflow = argo.submit(&workflow.to_string()).await;
        let (mut agent, port) = (argo.agent(&workflow).await, free_port());
        let plugin = Setup::new(daemon.address())
            .env("ARGO_BUILDKIT_LISTEN", &format!("127.0.0.1:{port}"))
            .env("ARGO_BUILDKIT_TOKEN_FILE", &agent.token_file().display().to_string())
            .env("KUBECONFIG", &kube.kubeconfig(Identity::Plugin).display().to_string())
            .start_without_secrets();
        agent.run(port);
        let scene = Self { argo, workflow, daemon, plugin, _agent: agent };
        scene.begins("sleep 600").await;
        scene
    }

    fn runs(&self, command: &str) -> bool {
        let words = |pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        self.daemon.steps().into_iter().any(|pid| words(pid).replace('\0', " ").contains(command))
    }

    async fn begins(&self, command: &str) {
        let what = || format!("`{command}` to run\n{}", self.plugin.log());
        until(what, PATIENCE, async || self.runs(command).then_some(())).await;
    }

    async fn ends(&self, command: &str) {
        let what = || format!("`{command}` to be gone\n{}", self.plugin.log());
        until(what, PATIENCE, async || (!self.runs(command)).then_some(())).await;
    }

    /// Waits until so many steps are counted as cancelled, and no other outcome is counted.
    async fn counted(&self, cancelled: usize) {
        let all = format!("kind=\"build\",outcome=\"cancelled\"}} {cancelled}");
        let metrics = async || Some(self.plugin.ops("/metrics").await.1).filter(|text| text.contains(&all));
        let text = until(|| format!("{all}\n{}", self.plugin.log()), PATIENCE, metrics).await;
        assert_eq!(text.matches("argo_buildkit_steps_total{").count(), 1, "{text}");
    }
}

fn workflow(shop: &Shop, git: &str, registry: &str) -> Value {
    let context = json!({"repo": shop.service.url(), "revision": "main", "secret": {"name": git}});
    let plugin = |target: &str| {
        let more = json!({"context": context, "registry-secret": {"name": registry}, "target": target});
        json!({"name": target, "plugin": {"buildkit": shop.build(more)}})
    };
    let templates = [plugin("main"), plugin("exit")];
    let spec = json!({"entrypoint": "main", "onExit": "exit", "templates": templates});
    json!({"metadata": {"generateName": "cancel-"}, "spec": spec})
}

#[tokio::test]
async fn a_stopped_workflow_stops_its_build_while_its_exit_handler_runs_and_a_terminated_one_that_too() {
    let scene = Scene::set().await;
    scene.argo.stop(&scene.workflow).await;
    scene.ends("sleep 600").await;
    scene.begins("sleep 700").await;
    assert!(scene.plugin.log().contains("its workflow was stopped"), "{}", scene.plugin.log());
    // The agent, which continues for the exit handler, still polls the stopped step, and gets its end.
    let node = scene.argo.node_when(&scene.workflow, |node| node.message.contains("cancelled during")).await;
    assert_eq!(node.phase, "Failed", "{}", node.message);
    scene.counted(1).await;
    scene.argo.terminate(&scene.workflow).await;
    scene.ends("sleep 700").await;
    scene.counted(2).await;
    assert_eq!(scene.argo.finished(&scene.workflow).await.0, "Failed");
}

/// Argo ends pods at the workflow's deadline, but not a running plugin node.
#[tokio::test]
async fn a_workflow_whose_time_is_up_stops_its_build_and_runs_its_exit_handler() {
    let scene = Scene::with(json!({"activeDeadlineSeconds": 30})).await;
    scene.ends("sleep 600").await;
    let words = "longer than its `activeDeadlineSeconds` of 30 s";
    let node = scene.argo.node_when(&scene.workflow, |node| node.message.contains(words)).await;
    assert_eq!(node.phase, "Failed", "{}", node.message);
    scene.begins("sleep 700").await;
    scene.argo.terminate(&scene.workflow).await;
}

#[tokio::test]
async fn a_terminated_workflow_stops_its_build() {
    let scene = Scene::set().await;
    scene.argo.terminate(&scene.workflow).await;
    scene.ends("sleep 600").await;
    scene.counted(1).await;
    assert_eq!(scene.argo.finished(&scene.workflow).await.0, "Failed");
}

#[tokio::test]
async fn a_deleted_workflow_stops_its_build() {
    let scene = Scene::set().await;
    scene.argo.delete(&scene.workflow).await;
    scene.ends("sleep 600").await;
    scene.counted(1).await;
    assert!(scene.plugin.log().contains("its workflow was deleted"), "{}", scene.plugin.log());
}

#[tokio::test]
async fn without_the_right_to_watch_steps_work_and_one_warning_names_the_role() {
    let kube = Kube::shared().await;
    let kubeconfig = kube.kubeconfig(Identity::Plugin).display().to_string();
    let plugin = Setup::new(shared_buildkitd().address()).env("KUBECONFIG", &kubeconfig).start();
    let shop = Shop::with(plugin, ENDLESS).await;
    let forbidden = "in namespace `forbidden` is forbidden to this process's ServiceAccount";
    let told = async |times: usize| {
        let log = async || Some(shop.plugin.log()).filter(|log| log.matches(forbidden).count() >= times);
        until(|| format!("{times} refusals\n{}", shop.plugin.log()), PATIENCE, log).await
    };
    // An endless step keeps its workflow's watch going.
    let endless = template(shop.build(json!({"target": "main"})));
    expect_phase(&shop.plugin.poll(&Workflow::of("forbidden"), &endless).await.1["node"], "Running");
    told(1).await;
    let tag = unique("v");
    let update = template(shop.update(json!({"image.tag": tag}), json!({})));
    let node = shop.plugin.drive(&Workflow::of("forbidden"), &update).await;
    expect_phase(&node, "Succeeded");
    let log = told(2).await;
    let warnings: Vec<_> =
        log.lines().filter(|line| line.contains("WARN") && line.contains("forbidden")).collect();
    let role = "grant it get, list and watch on `workflowtasksets` and `workflows` of API group argoproj.io";
    assert!(matches!(warnings[..], [one] if one.contains(forbidden) && one.contains(role)), "{warnings:#?}");
}
