//! The way from a push to a workflow: what the repository ships for it is `ok`, and what is broken is named.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Report, Run, rows};
use crate::support::argo::install_crds;
use crate::support::kube::{Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};

const ARGO: &str = "argoproj.io/v1alpha1";

/// What the repository ships.
const SHIPPED: [&str; 4] = [
    include_str!("../../../eventsources/event-bus.yaml"),
    include_str!("../../../eventsources/gitea.yaml"),
    include_str!("../../../sensors/base/account.yaml"),
    include_str!("../../../sensors/base/push.yaml"),
];

const SWEEP: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: sweep}
spec:
  schedules: ["*/10 * * * *"]
  workflowSpec:
    entrypoint: poll
    templates: [{name: poll, plugin: {buildkit: {poll: {services: []}}}}]
"#;

/// The kinds of Argo Events, which keep all fields, like upstream's.
async fn kinds(kube: &'static Kube) {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED
        .get_or_init(async || {
            install_crds(kube).await;
            for (kind, plural) in [("EventBus", "eventbus"), ("EventSource", "eventsources"), ("Sensor", "sensors")] {
                let names = json!({"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": plural.trim_end_matches('s')});
                let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
                let version = json!({"name": "v1alpha1", "served": true, "storage": true, "schema": schema, "subresources": {"status": {}}});
                kube.apply(json!({
                    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                    "metadata": {"name": format!("{plural}.argoproj.io")},
                    "spec": {"group": "argoproj.io", "scope": "Namespaced", "names": names, "versions": [version]},
                }))
                .await;
                let objects = kube.api(ARGO, kind, "default").await;
                until(|| kind.to_owned(), PATIENCE, async || objects.list(&ListParams::default()).await.ok()).await;
            }
        })
        .await;
}

/// The front half in a namespace of its own.
struct Front {
    kube: &'static Kube,
    builds: String,
}

impl Front {
    /// Everything that the repository ships, with the status and the pods that controllers would make.
    async fn new() -> Self {
        let kube = Kube::shared().await;
        kinds(kube).await;
        let front = Self { kube, builds: unique("events") };
        kube.namespace(&front.builds).await;
        for yaml in SHIPPED.into_iter().chain([SWEEP]) {
            front.apply_yaml(yaml).await;
        }
        kube.secret_in(&front.builds, "gitea-webhook", "Opaque", &[("secret", "hunter2-of-the-hook")]).await;
        front.status("EventBus", "default", &["Configured", "Deployed"]).await;
        front.status("EventSource", "gitea", &["SourcesProvided", "Deployed"]).await;
        front.status("Sensor", "push", &["DependenciesProvided", "TriggersProvided", "Deployed"]).await;
        front.pods("StatefulSet", "eventbus-default-js", json!({"eventbus-name": "default"})).await;
        front.pods("Deployment", "gitea-eventsource-x", json!({"eventsource-name": "gitea"})).await;
        front.pods("Deployment", "push-sensor-x", json!({"sensor-name": "push"})).await;
        front
            .patch_status(
                "CronWorkflow",
                "sweep",
                json!({"lastScheduledTime": jiff::Timestamp::now().to_string()}),
            )
            .await;
        front.workflow("api-0123456789ab", "argo-events").await;
        front
    }

    async fn apply_yaml(&self, yaml: &str) {
        for mut object in serde_saphyr::from_multiple::<Value>(yaml).unwrap() {
            object["metadata"]["namespace"] = json!(self.builds);
            if let Some(subjects) = object.get_mut("subjects").and_then(Value::as_array_mut) {
                subjects.iter_mut().for_each(|subject| subject["namespace"] = json!(self.builds));
            }
            self.kube.apply(object).await;
        }
    }

    async fn status(&self, kind: &str, name: &str, conditions: &[&str]) {
        let conditions: Vec<_> =
            conditions.iter().map(|kind| json!({"type": kind, "status": "True"})).collect();
        self.patch_status(kind, name, json!({"conditions": conditions})).await;
    }

    async fn patch_status(&self, kind: &str, name: &str, status: Value) {
        let objects = self.kube.api(ARGO, kind, &self.builds).await;
        // Argo's own kinds have no subresource for it.
        let status = Patch::Merge(json!({"status": status}));
        let parameters = PatchParams::default();
        match kind {
            "CronWorkflow" | "Workflow" => objects.patch(name, &parameters, &status).await.unwrap(),
            _ => objects.patch_status(name, &parameters, &status).await.unwrap(),
        };
    }

    /// A set of pods of which one is ready.
    async fn pods(&self, kind: &str, name: &str, labels: Value) {
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "example.com/a:1"}]}});
        self.kube
            .apply(json!({
                "apiVersion": "apps/v1", "kind": kind,
                "metadata": {"name": name, "namespace": self.builds, "labels": labels},
                "spec": {"selector": {"matchLabels": labels}, "template": template},
            }))
            .await;
        self.ready(kind, name, 1).await;
    }

    async fn ready(&self, kind: &str, name: &str, count: u32) {
        let sets = self.kube.api("apps/v1", kind, &self.builds).await;
        let status = Patch::Merge(json!({"status": {"replicas": 1, "readyReplicas": count}}));
        sets.patch_status(name, &PatchParams::default(), &status).await.unwrap();
    }

    /// A workflow that `manager` has made.
    async fn workflow(&self, name: &str, manager: &str) {
        let workflow = json!({
            "apiVersion": ARGO, "kind": "Workflow",
            "metadata": {"name": name, "labels": {"argo-buildkit.io/service": "api"}},
            "spec": {"workflowTemplateRef": {"name": "build-push"}},
        });
        let objects = self.kube.api(ARGO, "Workflow", &self.builds).await;
        objects.patch(name, &PatchParams::apply(manager), &Patch::Apply(&workflow)).await.unwrap();
    }

    async fn edit(&self, kind: &str, name: &str, patch: Value) {
        let objects = self.kube.api(ARGO, kind, &self.builds).await;
        objects.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    async fn delete(&self, version: &str, kind: &str, name: &str) {
        let objects = self.kube.api(version, kind, &self.builds).await;
        objects.delete(name, &DeleteParams::default()).await.unwrap();
    }

    async fn report(&self) -> Report {
        let argo = unique("argo");
        let site = ["--namespace", &self.builds, "--argo-namespace", &argo, "--agent-namespace", &argo];
        let report = Run::new(&site).kubeconfig(&self.kube.kubeconfig(Identity::Admin)).report().await;
        assert!(!report.text.contains("hunter2"), "{}", report.text);
        report
    }

    /// Waits for a report with this line about `subject`: RBAC learns a change a moment later.
    async fn says(&self, subject: &str, line: &str) {
        let last = std::cell::RefCell::new(String::new());
        let what = || format!("`{line}` about {subject}; the last report:\n{}", last.borrow());
        until(what, PATIENCE, async || {
            let report = self.report().await;
            last.replace(report.text.clone());
            report.text.lines().any(|one| one.contains(subject) && one.contains(line)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_the_repository_ships_is_ok() {
    let front = Front::new().await;
    let rights = "rights of ServiceAccount";
    front.says(rights, "buildkit-sensor: may get+create+patch workflows").await;
    let report = front.report().await;
    for subject in ["EventBus", "EventSource", "Sensor", "hook Secret", "last event", "sweep"] {
        let line = report.about(subject);
        assert!(line.starts_with("ok "), "{line}");
        assert!(
            rows().iter().any(|row| line[5..].starts_with(row)),
            "docs/check.md does not explain: {line}"
        );
    }
    assert!(!report.text.contains("mistake in namespace"), "{}", report.text);
    assert!(report.about("last event").contains("ago, workflow api-0123456789ab ("), "{}", report.text);
}

#[tokio::test]
async fn what_is_broken_is_named() {
    let front = Front::new().await;
    let name = |kind: &str, name: &str| format!("{kind} {}/{name}", front.builds);
    front.ready("StatefulSet", "eventbus-default-js", 0).await;
    front
        .says(&name("EventBus", "default"), "none of its 1 pods is ready: each hook is answered with 500")
        .await;
    front.delete("apps/v1", "Deployment", "push-sensor-x").await;
    front.says(&name("Sensor", "push"), "has no Deployment: events wait in the bus").await;
    front.delete("v1", "Secret", "gitea-webhook").await;
    front
        .says(&name("hook Secret", "gitea-webhook"), "so the pod of EventSource gitea/hook does not start")
        .await;
    front.kube.secret_in(&front.builds, "gitea-webhook", "Opaque", &[("secret", "hunter2\n")]).await;
    front.says(&name("hook Secret", "gitea-webhook"), "ends with a newline").await;
    front.kube.secret_in(&front.builds, "gitea-webhook", "Opaque", &[("secret", "hunter2 \n")]).await;
    front.says(&name("hook Secret", "gitea-webhook"), "white space, which counts").await;
    front.delete("rbac.authorization.k8s.io/v1", "RoleBinding", "buildkit-sensor").await;
    front.says("rights of ServiceAccount", "buildkit-sensor: may not get, create, patch workflows").await;
    front.edit("CronWorkflow", "sweep", json!({"spec": {"suspend": true}})).await;
    front.says(&name("sweep", "sweep"), "is suspended").await;
    front.delete(ARGO, "CronWorkflow", "sweep").await;
    front.says("sweep of namespace", "no CronWorkflow has a step `poll`").await;
    front.delete(ARGO, "Workflow", "api-0123456789ab").await;
    front.workflow("api-of-the-sweep", "argo-buildkit").await;
    front.says("last event of namespace", "no workflow of a Sensor is there").await;
    front.edit("EventSource", "gitea", json!({"spec": {"github": {"hook": {"webhookSecret": null, "webhookSecrt": {"name": "a", "key": "b"}}}}})).await;
    front.says("mistake in namespace", "EventSource gitea: Argo Events has no field `webhookSecrt`").await;
    front.delete(ARGO, "EventBus", "default").await;
    front.says(&name("EventBus", "default"), "does not exist, and EventSource gitea uses it").await;
}
