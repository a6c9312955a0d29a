//! The chart's objects and those of kustomizations are the same.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::cases::CASES;
use super::{Release, chart, identity};
use crate::deploy::Site;

/// Labels of Helm's objects. The components' objects lack the last one.
const LABELS: [&str; 5] = [
    "helm.sh/chart",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "app.kubernetes.io/part-of",
];

/// Annotations of Helm's pods. With kustomize, the name of a ConfigMap has a hash instead.
const CHECKSUMS: [&str; 2] = ["checksum/config", "checksum/settings"];

/// Texts that are YAML, which may be written in several ways.
const TEXTS: [&str; 2] = ["sidecar.container", "policy.yaml"];

type Objects = BTreeMap<String, Value>;

/// The objects by identity, without the differences that are documented in the chart's README.
fn plain(objects: Vec<Value>) -> Objects {
    let count = objects.len();
    let plain: Objects = objects.into_iter().map(|object| (identity(&object), without_own(object))).collect();
    assert_eq!(plain.len(), count, "two objects have one name");
    plain
}

fn without_own(mut object: Value) -> Value {
    remove(&mut object, "/metadata", "labels", &LABELS);
    remove(&mut object, "/spec/template/metadata", "annotations", &CHECKSUMS);
    remove(&mut object, "", "metadata", &["creationTimestamp"]);
    if object["kind"] == "Namespace" || object["kind"] == "PersistentVolumeClaim" {
        remove(&mut object, "/metadata", "annotations", &["helm.sh/resource-policy"]);
    }
    for key in TEXTS {
        if let Some(text) = object.pointer_mut(&format!("/data/{key}")) {
            *text = serde_saphyr::from_str(text.as_str().unwrap()).unwrap();
        }
    }
    object
}

/// Removes `keys` from the map `field`, and the map if it is empty then.
fn remove(object: &mut Value, parent: &str, field: &str, keys: &[&str]) {
    let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    let Some(map) = parent.get_mut(field).and_then(Value::as_object_mut) else { return };
    map.retain(|key, _| !keys.contains(&key.as_str()));
    if map.is_empty() {
        parent.remove(field);
    }
}

fn of_chart(name: &str) -> Objects {
    let objects = Release::case(name).with_monitors().objects();
    for object in &objects {
        let labels = &object["metadata"]["labels"];
        let missing: Vec<_> = LABELS.iter().filter(|label| !labels[**label].is_string()).collect();
        assert!(missing.is_empty(), "{} lacks {missing:?}", identity(object));
    }
    plain(objects)
}

/// The objects of a kustomization, without the hashes of generated names.
fn of_kustomization(text: &str) -> Objects {
    let objects = Site::new(text).objects();
    let mut json = serde_json::to_string(&objects).unwrap();
    for name in ["buildkitd", "cache-registry"] {
        let of = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        let mut maps = objects.iter().filter(|object| object["kind"] == "ConfigMap").map(of);
        let hashed =
            maps.find(|map| map.strip_prefix(name).is_some_and(|hash| hash.len() == "-0123456789".len()));
        if let Some(hashed) = hashed {
            json = json.replace(&hashed, name);
        }
    }
    plain(serde_json::from_str(&json).unwrap())
}

fn pretty(object: &Value) -> String {
    serde_json::to_string_pretty(object).unwrap()
}

#[test]
fn every_case_has_the_objects_of_its_kustomization() {
    for (name, kustomization) in CASES {
        let (ours, theirs) = (of_chart(name), of_kustomization(kustomization));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{name}");
        for (identity, object) in &ours {
            assert_eq!(pretty(object), pretty(&theirs[identity]), "{name}: {identity}");
        }
    }
}

#[test]
fn a_difference_would_be_noticed() {
    let production = of_kustomization("resources: [../production]\n");
    assert_eq!(of_chart("production"), production);
    for (name, _) in CASES.iter().filter(|(name, _)| *name != "production") {
        assert_ne!(of_chart(name), production, "{name}");
    }
}

/// `namespaces` has no kustomization of its own: a second namespace gets what the first one has.
#[test]
fn every_file_of_ci_is_compared() {
    let files = fs::read_dir(chart().join("ci")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.map(|name| name.strip_suffix("-values.yaml").unwrap().to_owned()).collect();
    let mut cases: Vec<_> = CASES.iter().map(|(name, _)| *name).chain(["namespaces"]).collect();
    names.sort();
    cases.sort_unstable();
    assert_eq!(names, cases);
}

#[test]
fn a_second_namespace_of_workflows_has_what_the_first_one_has() {
    let objects = of_chart("namespaces");
    let of = |namespace: &str| -> Vec<&Value> {
        let own = |object: &&Value| {
            let metadata = &object["metadata"];
            metadata["namespace"] == namespace
                || object["kind"] == "Namespace" && metadata["name"] == namespace
        };
        objects.values().filter(own).collect()
    };
    let first = of("builds");
    assert!(first.len() > 10, "{first:#?}");
    let renamed = |object: &&Value| object.to_string().replace("\"builds\"", "\"team-b\"");
    let (first, second): (Vec<_>, Vec<_>) =
        (first.iter().map(renamed).collect(), of("team-b").iter().map(ToString::to_string).collect());
    assert_eq!(first, second);
    for policy in ["buildkit/buildkitd", "buildkit-cache/cache-registry"] {
        let text = objects[&format!("NetworkPolicy {policy}")].to_string();
        assert!(text.contains(r#""team-b""#), "{policy} keeps team-b out: {text}");
    }
    let settings = &objects["ConfigMap buildkit-agent/buildkit-agent-settings"]["data"];
    assert_eq!(settings["ARGO_BUILDKIT_NAMESPACES"], "builds,team-b");
}
