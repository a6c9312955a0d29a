//! The shared agent's components: the objects that they add, the rights of the agent's account, and the gate, which
//! keeps agent pods and no other pod from starting.

use kube::api::PostParams;
use serde_json::{Value, json};

use super::pod_security::admission;
use super::rights::allowed;
use super::{Site, object, overlay, sidecar};
use crate::readme::{flags, settings};
use crate::support::kube::Kube;
use crate::support::net::{PATIENCE, unique, until};

const DOCS: &str = include_str!("../../../docs/agent.md");

/// The overlay that a user writes according to the docs.
pub(super) fn overlay_of_the_docs() -> &'static str {
    DOCS.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap()
}

/// The user name of the agent's pods at the API server.
const AGENT: &str = "system:serviceaccount:buildkit-agent:buildkit-agent";

#[test]
fn the_agent_is_added_as_it_is_kept_and_nothing_is_taken_away() {
    let without = overlay("production");
    let with = Site::new(overlay_of_the_docs()).objects();
    let identity =
        |o: &Value| [&o["kind"], &o["metadata"]["namespace"], &o["metadata"]["name"]].map(Value::clone);
    for object in &without {
        assert!(with.iter().any(|o| identity(o) == identity(object)), "{:?}", identity(object));
    }
    let added: Vec<_> = with.iter().filter(|o| !without.contains(o)).map(serde_saphyr::to_string).collect();
    let added = added.into_iter().collect::<Result<Vec<_>, _>>().unwrap().join("---\n");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("deploy-agent", added);
    });
}

#[test]
fn it_runs_the_sidecars_image_which_kustomize_names() {
    let image = |objects: &[Value]| {
        object(objects, "Deployment", "buildkit-agent")["spec"]["template"]["spec"]["containers"][0]["image"]
            .clone()
    };
    let (unnamed, _) = overlay_of_the_docs().split_once("images:").unwrap();
    let shipped = Site::new(unnamed).objects();
    assert_eq!(image(&shipped), sidecar(&shipped)["image"]);
    let named = Site::new(overlay_of_the_docs()).objects();
    assert_eq!(image(&named), "registry.example.com/tools/argo-buildkit:0.1.0");
}

#[test]
fn argos_controller_and_its_config_map_are_set_where_they_are_at_hand() {
    let own = overlay_of_the_docs().replace("production]", "production, argo.yaml]");
    let site = Site::new(&own.replace("# - ../../components/agent-only", "- ../../components/agent-only"));
    let map =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: workflow-controller-configmap, namespace: argo}\n";
    let installed = format!("{}---\n{map}", super::objects::ARGO);
    std::fs::write(site.own().join("argo.yaml"), installed).unwrap();
    let objects = site.objects();
    let controller = &object(&objects, "Deployment", "workflow-controller")["spec"]["template"]["spec"];
    let env = controller["containers"][0]["env"].as_array().unwrap();
    for (name, value) in [("ARGO_QPS", "200"), ("ARGO_BURST", "400"), ("DEFAULT_REQUEUE_TIME", "200ms")] {
        assert!(env.contains(&json!({"name": name, "value": value})), "{name} in {env:?}");
    }
    let map = object(&objects, "ConfigMap", "workflow-controller-configmap");
    assert_eq!(map["data"], json!({"disableAgentPodCreation": "true"}));
}

#[test]
fn its_settings_are_those_of_the_binary_and_of_the_docs() {
    let flags = flags("agent");
    assert_eq!(settings(DOCS), flags);
    let objects = Site::new(overlay_of_the_docs()).objects();
    let set = object(&objects, "ConfigMap", "buildkit-agent-settings")["data"].as_object().unwrap();
    for variable in set.keys() {
        assert!(flags.values().any(|(name, _)| name == variable), "{variable}");
    }
    let policy =
        object(&objects, "ConfigMap", "buildkit-agent-policy")["data"]["policy.yaml"].as_str().unwrap();
    argo_buildkit::policy::Policy::parse("policy.yaml", policy).unwrap();
}

#[tokio::test]
async fn its_pod_runs_under_restricted_and_outlives_its_drain() {
    let objects = Site::new(overlay_of_the_docs()).objects();
    let spec = &object(&objects, "Deployment", "buildkit-agent")["spec"]["template"]["spec"];
    admission(Kube::shared().await, "restricted", spec).await.unwrap();
    let labels = &object(&objects, "Namespace", "buildkit-agent")["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
    let grace = spec["terminationGracePeriodSeconds"].as_u64().unwrap();
    let drain = flags("agent")["--drain-grace"].1.trim_end_matches('s').parse::<u64>().unwrap();
    assert!(grace > drain, "{grace} s for a drain of {drain} s");
}

/// The effect of the Roles in a real API server, in a second namespace that is made as components/agent-rights says.
#[tokio::test]
async fn its_account_may_do_what_it_must_and_no_more() {
    let kube = Kube::shared().await;
    let namespace = unique("team");
    apply(kube, &second(&namespace)).await;
    apply(kube, &Site::new("resources: [../../base/agent]\n")).await;
    let may = async |place: &str, act: &str| allowed(kube, AGENT, place, act).await;
    for (place, act) in [
        (&*namespace, "list workflowtasksets"),
        (&namespace, "watch workflowtasksets"),
        (&namespace, "patch workflowtasksets/any/status"),
        (&namespace, "get workflows"),
        (&namespace, "list workflows"),
        (&namespace, "watch workflows"),
        (&namespace, "impersonate serviceaccounts/buildkit-executor-plugin"),
        ("buildkit-agent", "create leases"),
        ("buildkit-agent", "get leases/buildkit-agent"),
        ("buildkit-agent", "update leases/buildkit-agent"),
        ("buildkit-agent", "watch leases/buildkit-agent"),
    ] {
        let granted = async || may(place, act).await.then_some(());
        until(|| format!("{act} in {place}"), PATIENCE, granted).await;
    }
    // All Roles are effective by now.
    for (place, act) in [
        (&*namespace, "get secrets/git-write-back"),
        (&namespace, "patch workflowtasksets/any"),
        (&namespace, "patch workflows/any"),
        (&namespace, "create pods"),
        (&namespace, "impersonate serviceaccounts/buildkit-workflow"),
        (&namespace, "impersonate users"),
        (&namespace, "impersonate groups"),
        ("default", "impersonate serviceaccounts/buildkit-executor-plugin"),
        ("default", "list workflowtasksets"),
        ("buildkit-agent", "get secrets/buildkit-client-tls"),
        ("buildkit-agent", "update leases/another"),
    ] {
        assert!(!may(place, act).await, "it may {act} in {place}");
    }
}

/// A second namespace of workflows that the agent serves.
fn second(namespace: &str) -> Site {
    Site::new(&format!(
        "resources: [../../base/builds]\ncomponents: [../../components/agent-rights]\nnamespace: {namespace}\n"
    ))
}

async fn apply(kube: &Kube, site: &Site) {
    let (namespaces, others): (Vec<_>, Vec<_>) =
        site.objects().into_iter().partition(|o| o["kind"] == "Namespace");
    for object in [namespaces, others].concat() {
        kube.apply(object).await;
    }
}

/// The scheduling gates of a workflow's pod with this name, after the API server has accepted it.
async fn gates(kube: &Kube, namespace: &str, name: &str) -> Value {
    let pods = kube.api("v1", "Pod", namespace).await;
    let context = json!({
        "runAsNonRoot": true, "runAsUser": 1, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    });
    let owner = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": "u"});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "main", "image": "none", "securityContext": context}]},
    });
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    let made = pods.create(&parameters, &serde_json::from_value(pod).unwrap()).await.unwrap();
    made.data["spec"]["schedulingGates"].clone()
}

/// `trust::gate` tests what a workflow may try against it.
#[tokio::test]
async fn the_gate_keeps_agent_pods_of_labelled_namespaces_from_starting_and_nothing_else() {
    let kube = Kube::shared().await;
    let (shared, other) = (unique("shared"), unique("sidecars"));
    apply(kube, &second(&shared)).await;
    kube.namespace(&other).await;
    apply(kube, &Site::new("components: [../../components/agent-gate]\n")).await;
    let agent = "w-1340600742-agent";
    let expected = json!([{"name": "argo-buildkit.io/shared-agent"}]);
    let gated = async || (gates(kube, &shared, agent).await == expected).then_some(());
    until(|| "the gate".to_owned(), PATIENCE, gated).await;
    assert_eq!(gates(kube, &other, agent).await, Value::Null, "in a namespace without the label");
    assert_eq!(gates(kube, &shared, "w-build-1340600742").await, Value::Null);
}
