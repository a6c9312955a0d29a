//! The targets of a step: each reaches the file as `argo-buildkit edit` does.

use serde_json::{Value, json};

use super::{node, shop};
use crate::support::plugin::{expect_phase, output, tree};
use crate::support::shop::Shop;

/// Commits `files`, updates them by `targets`, and returns the node.
async fn updated(shop: &Shop, files: &[(&str, &str)], targets: Value) -> Value {
    shop.gitops.push_directory(tree(files).path(), "main", "lay out").await;
    node(shop, shop.update(json!({}), json!({"targets": targets}))).await
}

const INSTALL: &str = "\
kind: Deployment
metadata: {name: server}
spec:
  template:
    spec:
      initContainers:
      - {name: copy, image: 'quay.io/argoproj/argocd:v2.9.0'}
      containers:
      - {name: server, image: 'quay.io/argoproj/argocd:v2.9.0'}
---
kind: StatefulSet
metadata: {name: controller}
spec: {template: {spec: {containers: [{name: main, image: 'quay.io/argoproj/argocd:v2.9.0'}]}}}
";

const APPLICATION: &str = "\
kind: Application
metadata: {name: shop}
spec:
  sources:
  - chart: nginx
    helm: {valuesObject: {image: {tag: v1}}}
  - chart: api
    helm: {parameters: [{name: image.tag, value: v1}], valuesObject: {image: {tag: v1}}}
";

const KUSTOMIZATION: &str = "\
kind: Kustomization
resources: ['https://git.example.com/ops/base?ref=v1.5.0']
images:
- name: shop/api
  newTag: v1
  digest: sha256:1111111111111111111111111111111111111111111111111111111111111111
replicas: [{name: api, count: 2}]
";

const VALUES: &str = "\
base: &base {tag: v1}
api: *base
args: [--log=info]
";

#[tokio::test]
async fn what_targets_name_is_changed_and_nothing_else() {
    let shop = shop().await;
    let files = [
        ("install.yaml", INSTALL),
        ("application.yaml", APPLICATION),
        ("kustomization.yaml", KUSTOMIZATION),
        ("values.yaml", VALUES),
    ];
    let targets = json!([
        {"file": "install.yaml", "container": {"runs": "quay.io/argoproj/argocd", "tag": "v2.9.1"}},
        {"file": "application.yaml", "application": {"name": "shop", "source": {"chart": "api"}, "parameters": {"image.tag": "v2"}}},
        {"file": "application.yaml", "application": {"source": 1, "values": {"image.tag": "v3"}}},
        {"file": "kustomization.yaml", "object": {"kind": "Kustomization", "set": {"replicas[name=api].count": "3"}}},
        {"file": "kustomization.yaml", "helm": {"resources[0]~\"[?]ref=(.+)\"": "v1.6.0"}},
        {"file": "kustomization.yaml", "kustomize": {"name": "shop/api", "newTag": "v2@"}},
        {"file": "values.yaml", "shared": true, "helm": {"api.tag": "v2"}},
        {"file": "values.yaml", "helm": {"args[+]": "--debug"}},
    ]);
    let ended = updated(&shop, &files, targets).await;
    expect_phase(&ended, "Succeeded");
    let kustomization = KUSTOMIZATION
        .replace("newTag: v1", "newTag: v2")
        .replace("ref=v1.5.0", "ref=v1.6.0")
        .replace("count: 2", "count: 3")
        .replace("sha256:1111111111111111111111111111111111111111111111111111111111111111", "\"\"");
    let application = APPLICATION
        .replace("value: v1", "value: v2")
        .replace("v2}], valuesObject: {image: {tag: v1}", "v2}], valuesObject: {image: {tag: v3}");
    for (file, expected) in [
        ("install.yaml", INSTALL.replace("v2.9.0", "v2.9.1")),
        ("application.yaml", application),
        ("kustomization.yaml", kustomization),
        ("values.yaml", VALUES.replace("tag: v1", "tag: v2").replace("info]", "info, \"--debug\"]")),
    ] {
        assert_eq!(shop.gitops.read("main", file).await.unwrap(), expected, "{file}");
    }
    let notices = output(&ended, "notices");
    assert!(notices.contains("values.yaml:1:19: `api.tag` belongs to the anchor `&base`"), "{notices}");
    assert!(notices.contains("its aliases at 2:6 "), "{notices}");
}

#[tokio::test]
async fn a_setter_of_a_glob_concerns_the_files_that_have_it() {
    let shop = shop().await;
    let marked = "image: shop/api:v1 # {\"$imagepolicy\": \"flux-system:api\"}\n";
    let files = [
        ("flux/a.yaml", marked),
        ("flux/b.yaml", "image: shop/api:v1\n"),
        ("flux/sub/c.yaml", marked),
        ("flux/sub/template.yaml", "image: {{ .Values.image }}\n"),
    ];
    let targets = |policy: &str| json!([{"file": "flux/**", "setters": {policy: ":v2"}}]);
    let ended = updated(&shop, &files, targets("flux-system:api")).await;
    expect_phase(&ended, "Succeeded");
    for (file, old) in files {
        let expected = if old == marked { marked.replace("v1", "v2") } else { old.to_owned() };
        assert_eq!(shop.gitops.read("main", file).await.unwrap(), expected, "{file}");
    }
    let ended = node(&shop, shop.update(json!({}), json!({"targets": targets("flux-system:web")}))).await;
    expect_phase(&ended, "Failed");
    let message = ended["message"].as_str().unwrap();
    assert!(message.contains("flux/a.yaml:1:1: `setter:flux-system:web` does not exist"), "{message}");
}
