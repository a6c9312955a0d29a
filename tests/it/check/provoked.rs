//! Causes that stop steps without a message: each is provoked, named with its mend, and not reported after the mend.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Report, Run, plugin_with_image, rows};
use crate::support::argo::apply_crds;
use crate::support::kube::{Identity, Kube};

const ARGO: &str = "argoproj.io/v1alpha1";

/// A separate API server, because some of this would end the controller that other tests share.
pub(super) struct World(pub(super) Kube);

impl World {
    pub(super) async fn open() -> Self {
        let world = Self(Kube::start().await);
        apply_crds(&world.0).await;
        world.0.namespace("argo").await;
        let mut plugin: Value = serde_saphyr::from_str(&plugin_with_image()).unwrap();
        plugin["metadata"]["namespace"] = json!("argo");
        world.0.apply(plugin).await;
        world.controller(&[]).await;
        world
    }

    async fn controller(&self, arguments: &[&str]) {
        let labels = json!({"app": "workflow-controller"});
        let image = "quay.io/argoproj/workflow-controller:v4.0.7";
        let container = json!({"name": "workflow-controller", "image": image, "args": arguments});
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
        let spec = json!({"selector": {"matchLabels": labels}, "template": template});
        self.0
            .apply(object("apps/v1", "Deployment", "argo", "workflow-controller", json!({"spec": spec})))
            .await;
    }

    pub(super) async fn report(&self) -> Report {
        Run::new(&[]).kubeconfig(&self.0.kubeconfig(Identity::Admin)).report().await
    }

    /// Checks that `words` are reported about `subject` as long as the object exists.
    async fn names(&self, wrong: Value, subject: &str, verdict: &str, words: &[&str]) {
        self.0.apply(wrong.clone()).await;
        self.expect(subject, verdict, words).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &wrong["metadata"];
        let (version, kind) = (text(&wrong["apiVersion"]), text(&wrong["kind"]));
        let api = self.0.api(&version, &kind, &text(&metadata["namespace"])).await;
        api.delete(&text(&metadata["name"]), &DeleteParams::default()).await.unwrap();
        let report = self.report().await;
        assert!(!report.text.contains(words[0]), "{}", report.text);
    }

    async fn expect(&self, subject: &str, verdict: &str, words: &[&str]) {
        let report = self.report().await;
        let line = report.about(subject);
        assert!(line.starts_with(verdict), "{line}");
        for word in words {
            assert!(line.contains(word), "no `{word}` in: {line}");
        }
        assert!(
            rows().iter().any(|row| line[5..].starts_with(row)),
            "docs/check.md does not explain: {line}"
        );
    }
}

fn object(version: &str, kind: &str, namespace: &str, name: &str, mut more: Value) -> Value {
    more["apiVersion"] = json!(version);
    more["kind"] = json!(kind);
    more["metadata"]["name"] = json!(name);
    more["metadata"]["namespace"] = json!(namespace);
    more
}

fn with_templates(kind: &str, templates: Value) -> Value {
    let spec = json!({"entrypoint": "main", "templates": templates});
    let spec =
        if kind == "CronWorkflow" { json!({"schedules": ["0 0 1 1 *"], "workflowSpec": spec}) } else { spec };
    object(ARGO, kind, "builds", "nightly", json!({"spec": spec}))
}

#[tokio::test]
async fn a_plugin_that_ends_the_controller_is_named_with_its_object() {
    let world = World::open().await;
    let bad = json!([{"name": "main", "plugin": {"buildkit": null, "build": {}}}]);
    for kind in ["Workflow", "WorkflowTemplate", "CronWorkflow"] {
        let place = format!("{kind} nightly (template main: ");
        world
            .names(
                with_templates(kind, bad.clone()),
                "form of plugin",
                "FAIL",
                &[&place, "`build`", "crashes"],
            )
            .await;
    }
}

#[tokio::test]
async fn what_people_wrote_is_read_for_what_argo_takes_ill() {
    let world = World::open().await;
    let main = json!([{"name": "main", "plugin": {"buildkit": {}}, "inputs": {"parameters": [{"name": "message", "default": "a {{ b"}]}}]);
    let words = ["CronWorkflow nightly (parameter message)", "`}}`"];
    world.names(with_templates("CronWorkflow", main), "braces in parameters", "FAIL", &words).await;
    let step = json!([[{"name": "a", "inline": {"plugin": {"buildkit": {}}}}]]);
    let main = json!([{"name": "main", "parallelism": 1, "steps": step}]);
    let words = ["WorkflowTemplate nightly (parallelism of template main)", "What Argo ignores"];
    world.names(with_templates("WorkflowTemplate", main), "fields without effect", "warn", &words).await;
}

#[tokio::test]
async fn quotas_and_limit_ranges_that_an_agent_s_pod_exceeds_are_named() {
    let world = World::open().await;
    let quota = json!({"spec": {"hard": {"requests.cpu": "50m", "pods": "10"}}});
    let words = ["requests.cpu: 0 of 50m are used", "takes 60m"];
    world
        .names(
            object("v1", "ResourceQuota", "builds", "team", quota),
            "ResourceQuota builds/team",
            "FAIL",
            &words,
        )
        .await;
    let range = json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "500m"}}]}});
    let words = ["at most 500m cpu, and container buildkit has a limit of 1", "plugin's ConfigMap"];
    world
        .names(
            object("v1", "LimitRange", "builds", "small", range),
            "LimitRange builds/small",
            "FAIL",
            &words,
        )
        .await;
    let quota = object("v1", "ResourceQuota", "builds", "full", json!({"spec": {"hard": {"pods": "3"}}}));
    world.0.apply(quota).await;
    world.expect("ResourceQuota builds/full", "ok", &["has room"]).await;
    let status = json!({"status": {"hard": {"pods": "3"}, "used": {"pods": "3"}}});
    let quotas = world.0.api("v1", "ResourceQuota", "builds").await;
    quotas.patch_status("full", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    world.expect("ResourceQuota builds/full", "FAIL", &["pods: 3 of 3 are used"]).await;
}

#[tokio::test]
async fn steps_that_are_pods_are_refused_by_restricted_for_want_of_a_setting() {
    let world = World::open().await;
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "builds", "labels": labels}});
    world.0.apply(namespace).await;
    let report = world.report().await;
    assert!(!report.text.contains("pod steps"), "nobody has any: {}", report.text);
    world
        .0
        .apply(with_templates("WorkflowTemplate", json!([{"name": "main", "container": {"image": "x"}}])))
        .await;
    let words = [
        "WorkflowTemplate nightly (template main)",
        "set executor: {securityContext: {",
        "argo/workflow-controller-configmap",
    ];
    world.expect("pod steps of namespace builds", "FAIL", &words).await;
    let executor = "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}";
    for data in [json!({"executor": executor}), json!({"config": format!("executor: {{{executor}}}")})] {
        let map = object("v1", "ConfigMap", "argo", "workflow-controller-configmap", json!({"data": data}));
        world.0.apply(map).await;
        let report = world.report().await;
        assert!(!report.text.contains("pod steps"), "{}", report.text);
    }
}

#[tokio::test]
async fn a_controller_of_one_namespace_looks_for_plugins_there() {
    let world = World::open().await;
    let subject = "plugin ConfigMap argo/buildkit-executor-plugin";
    world.expect(subject, "ok", &["image"]).await;
    world.controller(&["--namespaced", "--managed-namespace", "builds"]).await;
    world.expect(subject, "FAIL", &["watches namespace builds alone", "apply it to builds"]).await;
    let mut plugin: Value = serde_saphyr::from_str(&plugin_with_image()).unwrap();
    plugin["metadata"]["namespace"] = json!("builds");
    world.0.apply(plugin).await;
    world.expect("plugin ConfigMap builds/buildkit-executor-plugin", "ok", &["image"]).await;
    world.controller(&["--namespaced"]).await;
    let report = world.report().await;
    assert!(report.text.contains("watches namespace argo alone"), "{}", report.text);
}

#[tokio::test]
async fn a_sidecar_that_listens_elsewhere_is_named() {
    let world = World::open().await;
    let settings = |listen: &str| {
        let data = json!({"BUILDKIT_HOST": "tcp://127.0.0.1:1", "ARGO_BUILDKIT_LISTEN": listen});
        object("v1", "ConfigMap", "builds", "buildkit-settings", json!({"data": data}))
    };
    for wrong in ["127.0.0.1:4400", "10.0.0.7:4355"] {
        world.0.apply(settings(wrong)).await;
        let report = world.report().await;
        let said = format!("ARGO_BUILDKIT_LISTEN={wrong}, and Argo calls localhost:4355");
        assert!(report.lines("FAIL").iter().any(|line| line.contains(&said)), "{}", report.text);
    }
    world.0.apply(settings("127.0.0.1:4355")).await;
    let report = world.report().await;
    assert!(!report.text.contains("Argo calls"), "{}", report.text);
}
