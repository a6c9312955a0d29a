//! A real API server accepts every object: no field is misspelt, missing or of a wrong type.

use std::fs;
use std::path::Path;

use kube::api::{Patch, PatchParams, ValidationDirective};
use serde_json::{Value, json};

use super::buildkitd::AUTOSCALER;
use super::chart::Release;
use super::rights::{EVERYTHING, templates};
use super::{ROOT, Site, overlay, parse};
use crate::support::kube::Kube;
use crate::support::net::{PATIENCE, unique, until};

const NAMESPACES: [&str; 6] =
    ["argo", "argocd", "buildkit", "buildkit-agent", "buildkit-cache", "cert-manager"];

/// Applies `object` as a dry run.
async fn try_out(kube: &Kube, object: &Value) -> Result<(), kube::Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let api = kube.api(&version, &kind, &text(&metadata["namespace"])).await;
    let parameters = PatchParams {
        dry_run: true,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("deploy").force()
    };
    api.patch(&text(&metadata["name"]), &parameters, &Patch::Apply(object)).await.map(drop)
}

#[tokio::test]
async fn the_api_server_takes_every_object() {
    let kube = Kube::shared().await;
    for name in NAMESPACES {
        kube.namespace(name).await;
    }
    let every = Site::new(EVERYTHING).objects();
    let objects = [overlay("local"), every, templates(), parse(AUTOSCALER)].concat();
    // An API server does not have the kinds of cert-manager and of Prometheus's operator, and the test bed does not have their CRDs.
    let is_foreign = |o: &&Value| {
        ["cert-manager.io/v1", "monitoring.coreos.com/v1"].iter().any(|group| o["apiVersion"] == *group)
    };
    let (foreign, ours): (Vec<_>, Vec<_>) = objects.iter().partition(is_foreign);
    assert_eq!(foreign.len(), 11);
    for object in ours {
        if let Err(error) = try_out(kube, object).await {
            panic!("{}/{}: {error}", object["kind"], object["metadata"]["name"]);
        }
    }
}

/// Values of the chart that set fields which no kustomization has.
const OWN_FIELDS: &str = r#"{
    "commonLabels": {"team": "shop"},
    "imagePullSecrets": [{"name": "mirror"}],
    "image": {"digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "pullPolicy": "Always"},
    "metrics": {"scrapeFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]},
    "buildkitd": {
        "image": {"pullPolicy": "Always"}, "persistence": {"storageClass": "fast"}, "podAnnotations": {"a": "b"},
        "nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "builds", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}}, "priorityClassName": "builds"
    },
    "cacheRegistry": {
        "image": {"pullPolicy": "Always"}, "persistence": {"storageClass": "fast"}, "podAnnotations": {"a": "b"},
        "nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}], "affinity": {"podAntiAffinity": {}}
    },
    "agent": {
        "settings": {"ARGO_BUILDKIT_MAX_RUNNING": 40}, "podAnnotations": {"a": "b"}, "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}], "affinity": {"podAntiAffinity": {}}, "priorityClassName": "builds"
    }
}"#;

#[tokio::test]
async fn the_api_server_takes_the_objects_of_the_chart() {
    let kube = Kube::shared().await;
    for name in NAMESPACES {
        kube.namespace(name).await;
    }
    let values = tempfile::NamedTempFile::new().unwrap();
    fs::write(values.path(), OWN_FIELDS).unwrap();
    let own = ["--values", values.path().to_str().unwrap()];
    for case in ["agent-gate", "pool"] {
        for object in Release::case(case).with(&own).objects() {
            if let Err(error) = try_out(kube, &object).await {
                panic!("{case}: {}/{}: {error}", object["kind"], object["metadata"]["name"]);
            }
        }
    }
}

#[tokio::test]
async fn a_misspelt_field_would_be_noticed() {
    let kube = Kube::shared().await;
    let objects = overlay("local");
    let mut service = super::object(&objects, "Service", "buildkitd").clone();
    service["metadata"]["namespace"] = "default".into();
    // The server creates `default` some time later.
    let ready = async || try_out(kube, &service).await.ok();
    until(|| "the namespace default".to_owned(), PATIENCE, ready).await;
    service["spec"]["selectors"] = service["spec"]["selector"].take();
    let error = try_out(kube, &service).await.unwrap_err().to_string();
    assert!(error.contains("selectors"), "{error}");
}

/// The same as `kubectl patch --patch-file`, which deploy/README.md tells users to run.
#[tokio::test]
async fn the_controllers_settings_patch_an_installed_deployment() {
    let kube = Kube::shared().await;
    let namespace = unique("argo");
    kube.namespace(&namespace).await;
    let mut installed = parse(super::objects::ARGO).remove(0);
    installed["metadata"]["namespace"] = json!(namespace);
    kube.apply(installed).await;
    let deployments = kube.api("apps/v1", "Deployment", &namespace).await;
    for file in [
        "components/argo-settings/controller.yaml",
        "components/agent/controller.yaml",
        "overlays/local/argo-controller.yaml",
    ] {
        let text = fs::read_to_string(Path::new(ROOT).join("deploy").join(file)).unwrap();
        let patch = Patch::Strategic(parse(&text).remove(0));
        deployments.patch("workflow-controller", &PatchParams::default(), &patch).await.unwrap();
    }
    let patched = deployments.get("workflow-controller").await.unwrap();
    let env = &patched.data["spec"]["template"]["spec"]["containers"][0]["env"];
    let value = |name: &str| {
        let variable = env.as_array().unwrap().iter().find(|e| e["name"] == name).unwrap();
        variable["value"].as_str().unwrap_or("…").to_owned()
    };
    let names = ["LEADER_ELECTION_IDENTITY", "ARGO_EXECUTOR_PLUGINS", "ARGO_QPS", "DEFAULT_REQUEUE_TIME"];
    assert_eq!(names.map(value), ["…", "true", "200", "200ms"]);
}
