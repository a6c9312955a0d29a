//! Pod Security: everything runs under `restricted` except buildkitd, which has two reasons.

use kube::api::{Api, DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};

use super::{OVERLAYS, object, overlay, sidecar};
use crate::support::argo::{Argo, PLUGIN};
use crate::support::kube::{BUILDS, Kube};
use crate::support::net::unique;

/// The answer of the admission of a namespace with the given level to a Pod of `spec`.
pub(super) async fn admission(kube: &Kube, level: &str, spec: &Value) -> Result<(), String> {
    let namespace = unique(level);
    let labels = json!({"pod-security.kubernetes.io/enforce": level});
    let metadata = json!({"name": namespace, "labels": labels});
    kube.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})).await;
    let pods: Api<DynamicObject> = kube.api("v1", "Pod", &namespace).await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    let created = pods.create(&parameters, &serde_json::from_value(pod).unwrap()).await;
    created.map(drop).map_err(|error| error.to_string())
}

/// The Pods of an overlay by name.
fn pods(objects: &[Value]) -> Vec<(String, Value)> {
    let templates = objects.iter().filter_map(|o| Some((o, o.pointer("/spec/template/spec")?)));
    let named =
        |(o, spec): (&Value, &Value)| (o["metadata"]["name"].as_str().unwrap().to_owned(), spec.clone());
    templates.map(named).collect()
}

/// The Pod that Argo makes for a workflow, with `sidecar` instead of the test bed's.
async fn agent(kube: &Kube, sidecar: Value) -> Value {
    let argo = Argo::shared().await;
    let workflow = argo.submit_plugin(&json!({"buildkit": {}}), &[]).await;
    argo.agent(&workflow).await;
    let labels = format!("workflows.argoproj.io/component=agent,workflows.argoproj.io/workflow={workflow}");
    let pods = kube.api("v1", "Pod", BUILDS).await.list(&ListParams::default().labels(&labels)).await;
    let mut spec = pods.unwrap().items.remove(0).data["spec"].take();
    argo.terminate(&workflow).await;
    let containers = spec["containers"].as_array_mut().unwrap();
    let place = containers.iter_mut().find(|c| c["name"] == PLUGIN).unwrap();
    let mounts = place["volumeMounts"].take();
    *place = sidecar;
    place["volumeMounts"] = mounts;
    spec
}

#[tokio::test]
async fn everything_but_buildkitd_runs_under_restricted() {
    let kube = Kube::shared().await;
    for name in OVERLAYS {
        let mut admitted = Vec::new();
        for (name, spec) in pods(&overlay(name)).into_iter().filter(|(name, _)| name != "buildkitd") {
            admission(kube, "restricted", &spec).await.unwrap();
            admitted.push(name);
        }
        assert_eq!(admitted, ["cache-registry"]);
    }
}

#[tokio::test]
async fn argos_agent_with_our_sidecar_runs_under_restricted() {
    let kube = Kube::shared().await;
    let sidecar = sidecar(&overlay("production"));
    let mut spec = agent(kube, sidecar).await;
    admission(kube, "restricted", &spec).await.unwrap();
    let containers = spec["containers"].as_array_mut().unwrap();
    let ours = containers.iter_mut().find(|c| c["name"] == "buildkit").unwrap();
    ours["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let refused = admission(kube, "restricted", &spec).await.unwrap_err();
    assert!(refused.contains(r#"(container "buildkit" must set"#), "{refused}");
}

#[tokio::test]
async fn buildkitds_exceptions_are_those_that_are_named() {
    let kube = Kube::shared().await;
    for name in OVERLAYS {
        let pods = pods(&overlay(name));
        let (_, spec) = pods.iter().find(|(name, _)| name == "buildkitd").unwrap();
        let baseline = refusal(kube, "baseline", spec).await;
        let restricted = refusal(kube, "restricted", spec).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(baseline, @r#"
            PodSecurity "baseline:latest": forbidden AppArmor profile (container "buildkitd" must not set AppArmor profile type to "Unconfined")
            non-default capabilities (container "buildkitd" must not include "NET_ADMIN", "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)
            seccompProfile (container "buildkitd" must not set securityContext.seccompProfile.type to "Unconfined")
            "#);
            insta::assert_snapshot!(restricted, @r#"
            PodSecurity "restricted:latest": forbidden AppArmor profile (container "buildkitd" must not set AppArmor profile type to "Unconfined")
            allowPrivilegeEscalation != false (container "buildkitd" must set securityContext.allowPrivilegeEscalation=false)
            unrestricted capabilities (container "buildkitd" must not include "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_ADMIN", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN", "SYS_CHROOT" in securityContext.capabilities.add)
            procMount (container "buildkitd" must not set securityContext.procMount to "Unmasked")
            seccompProfile (container "buildkitd" must not set securityContext.seccompProfile.type to "Unconfined")
            "#);
        }
        assert_ne!(spec["containers"][0]["securityContext"]["privileged"], true);
    }
}

/// The reasons why a Pod of `spec` is refused, one per line.
async fn refusal(kube: &Kube, level: &str, spec: &Value) -> String {
    let error = admission(kube, level, spec).await.unwrap_err();
    error.split_once("violates ").unwrap().1.split(": Forbidden").next().unwrap().replace("), ", ")\n")
}

#[test]
fn the_namespaces_enforce_it() {
    for name in OVERLAYS {
        let objects = overlay(name);
        let enforced = |name: &str| {
            let labels = &object(&objects, "Namespace", name)["metadata"]["labels"];
            labels["pod-security.kubernetes.io/enforce"].clone()
        };
        assert_eq!(
            ["buildkit", "buildkit-cache", "builds"].map(enforced),
            ["privileged", "restricted", "restricted"]
        );
    }
}
