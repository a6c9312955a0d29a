//! The rendered objects: unchanged, with the user's own image, and with every component.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{OVERLAYS, ROOT, Site, kustomize, object, overlay, parse, sidecar, succeeded};
use crate::support::bin;

/// A review shows each change of an overlay: `cargo insta review` accepts it.
#[test]
fn the_overlays_render_as_they_are_kept() {
    for name in OVERLAYS {
        let rendered = kustomize(&Path::new(ROOT).join("deploy/overlays").join(name));
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(format!("deploy-{name}"), rendered);
        });
    }
}

#[test]
fn the_plugin_is_made_of_its_one_source() {
    let made = succeeded(&mut Command::new(Path::new(ROOT).join("scripts/plugin-config-map")));
    let kept = Path::new(ROOT).join("deploy/plugin/buildkit-executor-plugin-configmap.yaml");
    let kept = fs::read_to_string(kept).unwrap();
    assert_eq!(made, kept, "run scripts/plugin-config-map --write");
}

#[test]
fn an_overlay_names_the_sidecars_image_and_changes_nothing_else_of_it() {
    let (local, production) = (overlay("local"), overlay("production"));
    let mut changed = sidecar(&local);
    assert_eq!(changed["image"], "argo-buildkit:local");
    changed["image"] = sidecar(&production)["image"].clone();
    assert_eq!(changed, sidecar(&production));
    // Also in an overlay on top of one that has set an image.
    let site = Site::new(
        r#"
resources: [../production]
components: [../../components/sidecar-image]
configMapGenerator:
- name: sidecar-image
  behavior: merge
  literals: ["line=image: registry.example.com:5000/tools/argo-buildkit@sha256:0123"]
"#,
    );
    let objects = site.objects();
    let mut changed = sidecar(&objects);
    assert_eq!(changed["image"], "registry.example.com:5000/tools/argo-buildkit@sha256:0123");
    changed["image"] = sidecar(&production)["image"].clone();
    assert_eq!(changed, sidecar(&production));
    assert!(objects.iter().all(|o| o["metadata"]["name"] != "sidecar-image"), "it is in the way of nobody");
}

#[test]
fn every_image_has_a_version() {
    for name in OVERLAYS {
        let objects = overlay(name);
        let templates = objects.iter().filter_map(|o| o.pointer("/spec/template/spec/containers"));
        let containers = templates.flat_map(|c| c.as_array().unwrap().clone());
        let images: Vec<_> = containers
            .chain([sidecar(&objects)])
            .map(|container| container["image"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(images.len(), 3, "{images:?}");
        let versioned = |image: &String| image.rsplit_once(':').is_some_and(|(_, tag)| tag != "latest");
        assert!(images.iter().all(versioned), "{images:?}");
    }
}

/// If the same kustomization installs Argo, its controller gets the settings.
#[test]
fn argos_controller_is_set_where_it_is_at_hand() {
    let settings = |overlay: &str| {
        let site = Site::new("");
        let copy = site.own().parent().unwrap().join(overlay);
        fs::write(copy.join("argo.yaml"), ARGO).unwrap();
        let add = ["edit", "add", "resource", "argo.yaml"];
        succeeded(Command::new(bin::testbed("kustomize")).args(add).current_dir(&copy));
        let objects = parse(&kustomize(&copy));
        let container = &object(&objects, "Deployment", "workflow-controller")["spec"]["template"]["spec"]["containers"]
            [0];
        assert_eq!(container["image"], "quay.io/argoproj/workflow-controller:v4.0.7");
        let pair =
            |e: &Value| format!("{}={}", e["name"].as_str().unwrap(), e["value"].as_str().unwrap_or("…"));
        let pairs: BTreeSet<_> = container["env"].as_array().unwrap().iter().map(pair).collect();
        pairs.into_iter().collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(settings("production"), @r"
    ARGO_AGENT_CPU_LIMIT=1
    ARGO_AGENT_PATCH_RATE=100ms
    ARGO_EXECUTOR_PLUGINS=true
    DEFAULT_REQUEUE_TIME=1s
    INFORMER_WRITE_BACK=true
    LEADER_ELECTION_IDENTITY=…
    ");
    insta::assert_snapshot!(settings("local"), @r"
    ARGO_AGENT_CPU_LIMIT=1
    ARGO_AGENT_PATCH_RATE=100ms
    ARGO_EXECUTOR_PLUGINS=true
    DEFAULT_REQUEUE_TIME=200ms
    INFORMER_WRITE_BACK=true
    LEADER_ELECTION_IDENTITY=…
    ");
}

/// The part of Argo's own Deployment that the patch changes.
pub(super) const ARGO: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: workflow-controller, namespace: argo}
spec:
  selector: {matchLabels: {app: workflow-controller}}
  template:
    metadata: {labels: {app: workflow-controller}}
    spec:
      containers:
      - name: workflow-controller
        image: quay.io/argoproj/workflow-controller:v4.0.7
        env:
        - {name: LEADER_ELECTION_IDENTITY, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
";
