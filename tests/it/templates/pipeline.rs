//! Complete runs with the real controller and agent, a real Gitea, registry and buildkitd.

use serde_json::{Value, json};

use super::{installed, submit};
use crate::argo::{secrets, sidecar};
use crate::support::argo::Argo;
use crate::support::net::free_port;
use crate::support::shop::Shop;

const DOCKERFILE: &str = "FROM BASE\nCOPY main.txt /\nRUN tr a-z A-Z </main.txt >/out.txt\n";

/// A shop whose Secrets the plugin may read, with its names as the templates' parameters.
pub(super) struct Site {
    pub(super) shop: Shop,
    parameters: Vec<(&'static str, String)>,
}

impl Site {
    pub(super) async fn open() -> Self {
        let shop = Shop::open(DOCKERFILE).await;
        let (git, registry) = secrets(&shop, &["git", "registry"]).await;
        let cache = format!("{}/cache", shop.world.registry.host());
        let parameters = vec![
            ("repo", shop.service.url()),
            ("image", shop.image()),
            ("git-ref", "refs/heads/main".to_owned()),
            ("revision", shop.sha.clone()),
            ("gitops-repo", shop.gitops.url()),
            ("cache-registry", cache),
            ("git-secret", git.clone()),
            ("gitops-secret", git),
            ("registry-secret", registry),
        ];
        Self { shop, parameters }
    }

    pub(super) fn parameters(&self) -> Vec<(&str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// The parameters in `names`, as a task's arguments.
    fn arguments(&self, names: &[&str]) -> Vec<Value> {
        let parameters = self.parameters.iter().filter(|(name, _)| names.contains(name));
        parameters.map(|(name, value)| json!({"name": name, "value": value})).collect()
    }

    /// Checks that the image exists and that the chart names it.
    pub(super) async fn expect_deployed(&self) {
        let digest = self.shop.digest(&self.shop.sha).await.unwrap();
        let values = self.shop.gitops.read("main", "chart/values.yaml").await.unwrap();
        let (tag, digest) = (format!("tag: \"{}\"", self.shop.sha), format!("digest: \"{digest}\""));
        assert!(values.contains(&tag) && values.contains(&digest), "{values}");
        assert_eq!(self.shop.gitops.commits("main").await.len(), 2, "one commit on top of the first");
    }
}

/// Argo's metrics of a template: outcome, duration, and the steps that were cached.
async fn expect_metrics(argo: &Argo, template: &str, image: &str) {
    let template = format!("template=\"{template}\"");
    argo.metric(&["argo_workflows_buildkit_templates_total{", &template, "status=\"Succeeded\""]).await;
    argo.metric(&["argo_workflows_buildkit_template_seconds_count{", &template]).await;
    let image = format!("image=\"{image}\"");
    let cached = argo.metric(&["argo_workflows_buildkit_cached_steps{", &template, &image]).await;
    assert!(cached.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{cached}");
}

/// Runs the workflow to its end, which must be successful.
pub(super) async fn finish(argo: &Argo, workflow: &str) {
    let mut agent = argo.agent(workflow).await;
    let port = free_port();
    let plugin = sidecar(&agent, port).await;
    agent.run(port);
    let (phase, message) = argo.finished(workflow).await;
    let nodes = argo.nodes(workflow).await;
    assert_eq!(phase, "Succeeded", "{message}\n{nodes:?}\n{}\n{}", agent.log(), plugin.log());
}

#[tokio::test]
async fn one_node_builds_pushes_and_deploys() {
    let argo = installed().await;
    let site = Site::open().await;
    let workflow = submit(argo, "ci-cd-buildkit-deploy", &site.parameters()).await;
    finish(argo, &workflow).await;
    site.expect_deployed().await;
    expect_metrics(argo, "ci-cd-buildkit-deploy", &site.shop.image()).await;
    let nodes = argo.nodes(&workflow).await;
    assert_eq!(nodes.len(), 1, "{nodes:?}");
    let outputs = &nodes["pipeline"].outputs;
    assert_eq!(outputs["commit"], site.shop.gitops.head("main").await);
    let labels = argo.workflow(&workflow).await["metadata"]["labels"].take();
    assert_eq!(labels["argo-buildkit.io/template"], "ci-cd-buildkit-deploy");
    let image = site.shop.image();
    assert_eq!(labels["app.kubernetes.io/name"].as_str(), image.split('/').next_back());
    assert_eq!(labels["argo-buildkit.io/line"].as_str().unwrap().len(), 40);
}

#[tokio::test]
async fn an_image_is_promoted_and_written_to_the_gitops_repository() {
    let argo = installed().await;
    let site = Site::open().await;
    let target = format!("{}:1.4.0", site.shop.image());
    let of_site = ["gitops-repo", "gitops-secret", "registry-secret"];
    let mut parameters = site.parameters();
    parameters.retain(|(name, _)| of_site.contains(name));
    parameters.extend([
        ("source", site.shop.world.busybox.as_str()),
        ("target", &target),
        ("image-tag", "1.4.0"),
    ]);
    let workflow = submit(argo, "promote", &parameters).await;
    finish(argo, &workflow).await;
    let digest = site.shop.digest("1.4.0").await.unwrap();
    let values = site.shop.gitops.read("main", "chart/values.yaml").await.unwrap();
    assert!(values.contains("tag: \"1.4.0\"") && values.contains(&digest), "{values}");
    assert_eq!(argo.nodes(&workflow).await["push"].outputs["digest"], digest);
}

#[tokio::test]
async fn two_nodes_do_the_same_as_a_graph() {
    let argo = installed().await;
    let site = Site::open().await;
    let workflow = submit(argo, "ci-cd-buildkit-deploy-two-nodes", &site.parameters()).await;
    finish(argo, &workflow).await;
    site.expect_deployed().await;
    let nodes = argo.nodes(&workflow).await;
    assert_eq!(nodes.len(), 2, "{nodes:?}");
}

#[tokio::test]
async fn a_push_that_does_not_touch_the_service_ends_with_the_reason() {
    let argo = installed().await;
    let site = Site::open().await;
    let docs = site.shop.service.commit_file("main", "docs/a.md", "text", "Write").await;
    let mut parameters = site.parameters();
    parameters.retain(|(name, _)| *name != "revision");
    parameters.extend([("revision", docs.as_str()), ("before", &site.shop.sha), ("paths-ignore", "docs")]);
    for (template, node) in
        [("ci-cd-buildkit-deploy", "pipeline"), ("ci-cd-buildkit-deploy-two-nodes", "build")]
    {
        let workflow = submit(argo, template, &parameters).await;
        finish(argo, &workflow).await;
        let nodes = argo.nodes(&workflow).await;
        let reason = "nothing changed that `paths-ignore` (docs) does not ignore, only `docs/a.md`";
        assert_eq!(nodes[node].message, format!("skipped: {reason}"), "{template}");
        assert_eq!(
            (nodes[node].outputs["selected"].as_str(), nodes[node].outputs["reason"].as_str()),
            ("false", reason)
        );
        assert!(
            nodes.values().all(|node| node.outputs.get("commit").is_none_or(String::is_empty)),
            "{nodes:?}"
        );
    }
    assert_eq!(site.shop.digest(&docs).await, None);
    assert_eq!(site.shop.gitops.commits("main").await.len(), 1, "no commit on top of the first");
}

#[tokio::test]
async fn each_template_is_of_use_to_another_workflow() {
    let argo = installed().await;
    let site = Site::open().await;
    let build =
        site.arguments(&["repo", "image", "revision", "git-secret", "registry-secret", "cache-registry"]);
    let mut update =
        site.arguments(&["repo", "image", "revision", "git-secret", "gitops-repo", "gitops-secret"]);
    update.push(json!({"name": "image-tag", "value": site.shop.sha}));
    update.push(json!({"name": "digest", "value": "{{steps.build.outputs.parameters.digest}}"}));
    let step = |name: &str, template: &str, parameters: &[Value]| {
        let reference = json!({"name": template, "template": template});
        json!([{"name": name, "templateRef": reference, "arguments": {"parameters": parameters}}])
    };
    let steps = [step("build", "build-push", &build), step("update", "update-manifest", &update)];
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "steps": steps}]});
    let workflow = json!({"metadata": {"generateName": "references-"}, "spec": spec}).to_string();
    let workflow = argo.submit(&workflow).await;
    finish(argo, &workflow).await;
    site.expect_deployed().await;
}

/// Two workflows of one line: the second begins after the first has ended.
#[tokio::test]
async fn a_second_build_of_one_branch_queues() {
    let argo = installed().await;
    let site = Site::open().await;
    let first = submit(argo, "ci-cd-buildkit-deploy", &site.parameters()).await;
    argo.task(&first).await;
    let second = submit(argo, "ci-cd-buildkit-deploy", &site.parameters()).await;
    argo.node_when(&second, |node| node.message.contains("Waiting for builds/Mutex/")).await;
    let mut other = site.parameters();
    other.push(("git-ref", "refs/heads/dev"));
    let other: Vec<_> =
        other.into_iter().filter(|parameter| *parameter != ("git-ref", "refs/heads/main")).collect();
    let elsewhere = submit(argo, "ci-cd-buildkit-deploy", &other).await;
    argo.task(&elsewhere).await;
    argo.terminate(&elsewhere).await;
    finish(argo, &first).await;
    finish(argo, &second).await;
    site.expect_deployed().await;
}
