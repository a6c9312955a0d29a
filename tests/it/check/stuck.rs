//! `check WORKFLOW`: the real controller makes the workflow and its agent's pod. The test writes what kubelet would
//! write.

use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Report, Run};
use crate::support::argo::Argo;
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{PATIENCE, unique, until};

const WORKFLOWS: &str = "argoproj.io/v1alpha1";

/// A cluster with a controller.
struct World {
    kube: &'static Kube,
}

impl World {
    async fn open() -> Self {
        Argo::shared().await;
        Self { kube: Kube::shared().await }
    }

    async fn why(&self, name: &str) -> Report {
        let run = Run::new(&["--namespace", BUILDS, name]);
        run.kubeconfig(&self.kube.kubeconfig(Identity::Admin)).report().await
    }

    /// Waits for a line about `name` that contains `words`.
    async fn why_when(&self, name: &str, words: &str) -> String {
        let last = std::cell::RefCell::new(String::new());
        let what = || format!("`{words}`; the last report:\n{}", last.borrow());
        until(what, PATIENCE, async || {
            let line = self.why(name).await.only().to_owned();
            last.replace(line.clone());
            line.contains(words).then_some(line)
        })
        .await
    }

    /// A workflow of one plugin step, run as `account`.
    async fn submit(&self, account: &str, more: Value) -> String {
        let plugin = json!({"name": "main", "plugin": {"buildkit": {"build": {}}}});
        let mut spec = json!({"entrypoint": "main", "serviceAccountName": account, "templates": [plugin]});
        if let Value::Object(more) = more {
            more.into_iter().for_each(|(key, value)| spec[key] = value);
        }
        self.create(json!({"metadata": {"generateName": "stuck-"}, "spec": spec})).await
    }

    async fn create(&self, mut object: Value) -> String {
        object["apiVersion"] = json!(WORKFLOWS);
        object["kind"] = json!("Workflow");
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let workflows = self.kube.api(WORKFLOWS, "Workflow", BUILDS).await;
        let created = workflows.create(&PostParams::default(), &object).await.unwrap();
        created.metadata.name.unwrap()
    }

    /// A new ServiceAccount.
    async fn account(&self) -> String {
        let name = unique("stuck-account");
        let metadata = json!({"name": name, "namespace": BUILDS});
        self.kube.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})).await;
        name
    }

    /// The name of the agent's pod, once the controller has made it.
    async fn pod(&self, workflow: &str) -> String {
        let pods = self.kube.api("v1", "Pod", BUILDS).await;
        let labels =
            format!("workflows.argoproj.io/component=agent,workflows.argoproj.io/workflow={workflow}");
        let selected = ListParams::default().labels(&labels);
        let find = async || pods.list(&selected).await.unwrap().items.pop()?.metadata.name;
        until(|| format!("the agent's pod of {workflow}"), PATIENCE, find).await
    }

    async fn status(&self, kind: (&str, &str), name: &str, status: Value) {
        let objects = self.kube.api(kind.0, kind.1, BUILDS).await;
        let patch = Patch::Merge(json!({"status": status}));
        objects.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    async fn event(&self, pod: &str, reason: &str, message: &str) {
        let metadata = json!({"name": unique("event"), "namespace": BUILDS});
        self.kube
            .apply(json!({
                "apiVersion": "v1", "kind": "Event", "metadata": metadata, "type": "Warning",
                "reason": reason, "message": message, "lastTimestamp": "2026-01-01T00:00:00Z",
                "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": BUILDS, "name": pod},
            }))
            .await;
    }
}

/// The status of a container `name` that is waiting, or that has ended before.
fn waits(name: &str, reason: &str, message: &str) -> Value {
    json!([{
        "name": name, "image": "registry.example.com/x:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }])
}

fn ended(name: &str, code: i32, reason: &str) -> Value {
    let back_off = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    json!([{
        "name": name, "image": "x", "imageID": "", "ready": false, "restartCount": 3, "state": back_off,
        "lastState": {"terminated": {"exitCode": code, "reason": reason}},
    }])
}

#[tokio::test]
async fn what_is_left_out_of_the_cluster_is_the_cause() {
    let world = World::open().await;
    let report = world.why("no-such-workflow").await;
    assert!(report.only().contains("does not exist; check the name"), "{}", report.text);
    assert_eq!(report.code, Some(1));

    // Without a ServiceAccount, the controller itself reports the cause.
    let name = world.submit("nobody-made-this", json!({})).await;
    let line = world.why_when(&name, "has finished: Error").await;
    assert!(line.contains("create the ServiceAccount nobody-made-this"), "{line}");

    // Without the token Secret, kubelet reports it in an event, and the Secret is missing.
    let account = world.account().await;
    let name = world.submit(&account, json!({})).await;
    let pod = world.pod(&name).await;
    let secret = format!("{account}.service-account-token");
    let line = world.why_when(&name, "cannot start").await;
    assert!(line.contains(&format!("it mounts the Secret {secret}, which does not exist")), "{line}");
    assert!(line.contains(&format!("kubernetes.io/service-account.name: {account}")), "{line}");

    // Without the Role, the agent restarts.
    world.kube.secret(&secret, "Opaque", &[("token", "unused")]).await;
    world
        .status(
            ("v1", "Pod"),
            &pod,
            json!({"phase": "Running", "containerStatuses": ended("main", 1, "Error")}),
        )
        .await;
    let line = world.why_when(&name, "restarts").await;
    assert!(
        line.contains(&format!("its ServiceAccount {account} may not list, watch workflowtasksets")),
        "{line}"
    );
}

#[tokio::test]
async fn an_agent_s_pod_that_does_not_run_is_the_cause() {
    let world = World::open().await;
    let name = world.submit("wf", json!({})).await;
    let pod = world.pod(&name).await;
    let scheduled = |status: &str, message: &str| json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": status, "message": message}]});
    let pending = |containers: Value| {
        let mut status = scheduled("True", "");
        status["containerStatuses"] = containers;
        status
    };
    let plugin = "argo-buildkit";
    let rows = [
        (
            scheduled("False", "0/1 nodes are available: 1 Insufficient cpu."),
            "cannot be scheduled: 0/1 nodes",
        ),
        (
            pending(waits(plugin, "ImagePullBackOff", "Back-off pulling image")),
            "the image registry.example.com/x:1 of container argo-buildkit is not to be had",
        ),
        (
            pending(waits(
                plugin,
                "CreateContainerConfigError",
                "container has runAsNonRoot and image will run as root",
            )),
            "cannot start container argo-buildkit (CreateContainerConfigError: container has runAsNonRoot",
        ),
        (pending(ended(plugin, 137, "OOMKilled")), "raise its memory limit"),
        (pending(ended(plugin, 1, "Error")), "kubectl logs -n builds"),
    ];
    for (status, expected) in rows {
        world.status(("v1", "Pod"), &pod, status).await;
        let report = world.why(&name).await;
        let line = report.only();
        assert!(line.contains(expected) && line.starts_with("FAIL"), "{line}");
        assert_eq!(report.code, Some(1));
    }
    world.status(("v1", "Pod"), &pod, pending(json!([]))).await;
    world
        .event(&pod, "FailedMount", "MountVolume.SetUp failed for volume \"x\" : configmap \"y\" not found")
        .await;
    let report = world.why(&name).await;
    assert!(report.only().contains("cannot start: MountVolume.SetUp failed"), "{}", report.text);
}

#[tokio::test]
async fn a_workflow_that_waits_or_works_or_has_ended_says_so() {
    let world = World::open().await;
    let lock = json!({"mutexes": [{"name": unique("lock")}]});
    let first = world.submit("wf", json!({"synchronization": lock})).await;
    world.pod(&first).await;
    let second = world.submit("wf", json!({"synchronization": lock})).await;
    let line = world.why_when(&second, "waits for the mutex").await;
    assert!(line.contains(&first), "{line}");
    assert!(line.starts_with("warn"), "{line}");

    let idle = world.why(&first).await;
    assert!(idle.only().contains("its agent runs and has reported nothing yet"), "{}", idle.text);
    let node = |phase: &str| json!({"nodes": {&first: {"phase": phase, "message": "[3/7] RUN npm ci"}}});
    world.status((WORKFLOWS, "WorkflowTaskSet"), &first, node("Running")).await;
    let line = world.why_when(&first, "works").await;
    assert!(line.starts_with("ok") && line.contains("[3/7] RUN npm ci"), "{line}");
    world.status((WORKFLOWS, "WorkflowTaskSet"), &first, node("Failed")).await;
    let line = world.why_when(&first, "has finished: Failed").await;
    assert!(line.contains("[3/7] RUN npm ci; correct that, and submit it again"), "{line}");

    let steps = json!([{"name": "main", "suspend": {}}]);
    let paused = world.submit("wf", json!({"templates": steps})).await;
    world.why_when(&paused, "is suspended by node").await;

    let labels = json!({"workflows.argoproj.io/controller-instanceid": "another"});
    let template = json!([{"name": "main", "suspend": {}}]);
    let foreign = world
        .create(json!({
            "metadata": {"generateName": "stuck-", "labels": labels},
            "spec": {"entrypoint": "main", "templates": template},
        }))
        .await;
    let report = world.why(&foreign).await;
    assert!(
        report.only().contains("the controller does not look at it: its instanceID is none"),
        "{}",
        report.text
    );
    assert_eq!(report.code, Some(1));
}
