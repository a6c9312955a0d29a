//! `check WORKFLOW` for objects that the real API server, controller or agent refuses.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::Run;
use crate::support::argo::Argo;
use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::{PATIENCE, free_port, unique, until};

/// A new namespace under the shared controller.
struct World {
    argo: Argo,
    kube: &'static Kube,
    namespace: String,
}

impl World {
    async fn open() -> Self {
        Self::within(unique("refused")).await
    }

    async fn within(namespace: String) -> Self {
        let (kube, argo) = (Kube::shared().await, Argo::shared().await.within(&namespace).await);
        Self { argo, kube, namespace }
    }

    async fn apply(&self, version: &str, kind: &str, name: &str, mut more: Value) {
        more["apiVersion"] = json!(version);
        more["kind"] = json!(kind);
        more["metadata"]["name"] = json!(name);
        if kind != "Namespace" {
            more["metadata"]["namespace"] = json!(self.namespace);
        }
        self.kube.apply(more).await;
    }

    async fn submit(&self, spec: Value) -> String {
        self.argo.submit(&json!({"metadata": {"generateName": "refused-"}, "spec": spec}).to_string()).await
    }

    /// Waits for the line about the workflow with all of `words`.
    async fn why(&self, name: &str, words: &[&str]) {
        let last = std::cell::RefCell::new(String::new());
        let what = || format!("{words:?}; the last report:\n{}", last.borrow());
        let said = async || {
            let run = Run::new(&["--namespace", &self.namespace, name]);
            let report = run.kubeconfig(&self.kube.kubeconfig(Identity::Admin)).report().await;
            last.replace(report.only().to_owned());
            words.iter().all(|word| report.text.contains(word)).then_some(())
        };
        until(what, PATIENCE, said).await;
    }
}

fn plugin(more: Value) -> Value {
    let mut spec =
        json!({"entrypoint": "main", "templates": [{"name": "main", "plugin": {"buildkit": {"build": {}}}}]});
    more.as_object().into_iter().flatten().for_each(|(key, value)| spec[key] = value.clone());
    spec
}

#[tokio::test]
async fn a_limit_range_or_a_quota_that_refuses_the_agent_s_pod_is_named() {
    let world = World::open().await;
    let range = json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": "20m"}}]}});
    world.apply("v1", "LimitRange", "small", range).await;
    let name = world.submit(plugin(json!({}))).await;
    world
        .why(
            &name,
            &["has finished: Error", "maximum cpu usage per Container is 20m", "change LimitRange small"],
        )
        .await;

    let world = World::open().await;
    world.apply("v1", "ResourceQuota", "team", json!({"spec": {"hard": {"pods": "0"}}})).await;
    // The cluster's own controller counts.
    let counted = json!({"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}});
    let quotas = world.kube.api("v1", "ResourceQuota", &world.namespace).await;
    quotas.patch_status("team", &PatchParams::default(), &Patch::Merge(counted)).await.unwrap();
    let name = world.submit(plugin(json!({}))).await;
    // The server refuses, and the controller tries again without a message.
    world.why(&name, &["there is no agent pod: ResourceQuota", "/team: pods: 0 of 0 are used"]).await;
}

#[tokio::test]
async fn a_step_that_is_a_pod_and_is_refused_names_the_controller_s_setting() {
    let world = World::open().await;
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    world.apply("v1", "Namespace", &world.namespace, labels).await;
    let template = json!({"name": "main", "container": {"image": "example.com/x:1", "command": ["true"]}});
    let name = world.submit(json!({"entrypoint": "main", "templates": [template]})).await;
    world
        .why(
            &name,
            &["violates PodSecurity", "set executor: {securityContext", "`main` in the template's container"],
        )
        .await;
}

#[tokio::test]
async fn an_unclosed_brace_in_a_parameter_is_named() {
    let world = World::open().await;
    let template = json!({
        "name": "main", "inputs": {"parameters": [{"name": "message"}]},
        "plugin": {"buildkit": {"build": {"target": "{{inputs.parameters.message}}"}}},
    });
    let arguments = json!({"parameters": [{"name": "message", "value": "fix {{ this"}]});
    let name =
        world.submit(json!({"entrypoint": "main", "templates": [template], "arguments": arguments})).await;
    world
        .why(
            &name,
            &["the controller does not begin it: Workflow", "(parameter message) has a `{{` without a `}}`"],
        )
        .await;
}

#[tokio::test]
async fn a_plugin_that_nobody_hears_is_named() {
    // The instance of the namespace in which the agent has its rights.
    let world = World::within(BUILDS.to_owned()).await;
    let name = world.submit(plugin(json!({}))).await;
    let mut agent = world.argo.agent(&name).await;
    agent.run(free_port());
    world
        .why(
            &name,
            &["has finished: Failed", "connection refused", "nothing listens where Argo calls the plugin"],
        )
        .await;
}

/// A waiting workflow's message about the holder is from the time when it began to wait.
#[tokio::test]
async fn the_holder_of_a_mutex_is_the_one_that_holds_it_now() {
    let world = World::open().await;
    let queued = || plugin(json!({"synchronization": {"mutexes": [{"name": "line"}]}}));
    let first = world.submit(queued()).await;
    world.argo.agent(&first).await;
    let second = world.submit(queued()).await;
    world.why(&second, &["waits for the mutex", &format!("/{first} holds; wait for that, or stop it")]).await;
    let third = world.submit(queued()).await;
    world.why(&third, &["waits for the mutex", &format!("/{first} holds")]).await;
    world.argo.terminate(&first).await;
    world.argo.agent(&second).await;
    world.why(&third, &["waits for the mutex", &format!("/{second} holds; wait for that, or stop it")]).await;
    world.argo.stop(&third).await;
    world
        .why(&third, &["although it was stopped", &format!("argo terminate -n {} {third}", world.namespace)])
        .await;
}

#[tokio::test]
async fn a_workflow_of_another_controller_names_both_ids() {
    let world = World::open().await;
    let labels = json!({"workflows.argoproj.io/controller-instanceid": "another"});
    let workflow =
        json!({"metadata": {"generateName": "refused-", "labels": labels}, "spec": plugin(json!({}))});
    let name = world.argo.submit(&workflow.to_string()).await;
    world.why(&name, &["its instanceID is none", "is `another`"]).await;
}
