//! A scalar has one address, however the target is named.

use super::edit;
use crate::manifest::{Edit, Target, addresses, apply};

/// The addresses that `edit` sets, and all addresses that its target could set.
fn both(input: &str, edit: &Edit) -> (Vec<String>, Vec<String>) {
    let edited =
        apply(input.as_bytes(), std::slice::from_ref(edit)).unwrap_or_else(|e| panic!("{edit:?}: {e}"));
    let could = addresses(input.as_bytes(), &edit.target);
    (edited.addresses.into_iter().collect(), could.into_iter().collect())
}

const CHART: &str = "image:\n  repository: r/a\n  tag: v1 # {\"$imagepolicy\": \"flux:api:tag\"}\nargs: [a, {name: x, v: 1}]\n";
const POD: &str = "\
kind: Deployment
metadata: {name: api}
spec: {template: {spec: {containers: [{name: web, image: 'a:v1'}, {name: log, image: 'b:v1'}]}}}
---
kind: Deployment
metadata: {name: jobs, namespace: shop}
spec: {template: {spec: {containers: [{name: web, image: 'a:v1'}]}}}
";
const APPLICATION: &str = "\
kind: Application
metadata: {name: shop}
spec:
  source:
    helm:
      parameters: [{name: image.tag, value: v1}]
      valuesObject: {image: {tag: v1}}
";
const BLOCK: &str = "\
kind: Application
metadata: {name: shop}
spec:
  source:
    helm:
      values: |
        image:
          tag: v1
";
const KUSTOMIZE: &str = "images:\n- {name: other, newTag: v1}\n- {name: shop/api, newTag: v1}\n";
const WEB: &str = "Deployment/api:spec.template.spec.containers[name=web].image";

#[test]
fn one_scalar_has_one_address() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let rows: [(&str, &str, &[&str], &[&str]); 17] = [
        (CHART, "helm:image.tag=v2", &["image.tag"], &["image.tag"]),
        (CHART, "helm:image.tag=v1", &["image.tag"], &["image.tag"]),
        (CHART, "image:image=:v2", &["image.tag"], &["image.repository", "image.tag"]),
        (CHART, "image:image=r/a:v2", &["image.repository", "image.tag"], &["image.repository", "image.tag"]),
        (CHART, "setter:flux:api=r/a:v2", &["image.tag"], &["image.tag"]),
        (CHART, "helm:args[0]=b", &["args[0]"], &["args[0]"]),
        (CHART, "helm:args[1].v=2", &["args[name=x].v"], &["args[name=x].v"]),
        (POD, "container:Deployment/api:web=:v2", &[WEB], &[WEB]),
        (
            POD,
            "image:spec.template.spec.containers[name=log].image=:v2",
            &[&WEB.replace("web", "log")],
            &[&WEB.replace("web", "log")],
        ),
        (POD, "object:Deployment/api:spec.template.spec.containers[0].image=c:v2", &[WEB], &[WEB]),
        (
            POD,
            "container:Deployment/jobs:web=:v2",
            &[&WEB.replace("api", "jobs/shop")],
            &[&WEB.replace("api", "jobs/shop")],
        ),
        (
            APPLICATION,
            "values:image.tag=v2",
            &["Application/shop:spec.source.helm.valuesObject.image.tag"],
            &["Application/shop:spec.source.helm.valuesObject.image.tag"],
        ),
        (
            APPLICATION,
            "values:shop:image.tag=v2",
            &["Application/shop:spec.source.helm.valuesObject.image.tag"],
            &["Application/shop:spec.source.helm.valuesObject.image.tag"],
        ),
        (
            APPLICATION,
            "parameter:image.tag=v2",
            &["Application/shop:spec.source.helm.parameters[name=image.tag].value"],
            &["Application/shop:spec.source.helm.parameters[name=image.tag].value"],
        ),
        (
            BLOCK,
            "values:image.tag=v2",
            &["Application/shop:spec.source.helm.values|image.tag"],
            &["Application/shop:spec.source.helm.values|image.tag"],
        ),
        (
            KUSTOMIZE,
            "kustomize:shop/api:newTag=v2",
            &["images[name=shop/api].newTag"],
            &["images[name=shop/api].newTag"],
        ),
        (
            KUSTOMIZE,
            "helm:images[1].newTag=v2",
            &["images[name=shop/api].newTag"],
            &["images[name=shop/api].newTag"],
        ),
    ];
    for (input, text, sets, can) in rows {
        let (did, could) = both(input, &edit(text));
        assert_eq!(did, sets, "{text}");
        assert_eq!(could, can, "{text}");
    }
    let added = edit(&format!("kustomize:shop/api:digest={digest}"));
    assert_eq!(both(KUSTOMIZE, &added).0, ["images[name=shop/api].digest"]);
    let created = Edit { create: true, ..edit("helm:a.b=v") };
    assert_eq!(both("", &created).0, ["a.b"]);
    assert_eq!(both("a: {}\n", &created).0, ["a.b"]);
}

#[test]
fn what_cannot_be_told_apart_by_name_is_numbered() {
    let two = "a: {x: 1}\n---\na: {y: 1}\n";
    assert_eq!(both(two, &edit("helm:a.y=2")).0, ["#1:a.y"]);
    let twins = "kind: X\nmetadata: {name: n}\na: 1\n---\nkind: X\nmetadata: {name: n}\nb: 1\n";
    assert_eq!(both(twins, &edit("helm:b=2")).0, ["#1:b"]);
    let same = "l: [{name: a, v: 1}, {name: a, v: 1}]\n";
    assert_eq!(both(same, &edit("helm:l[1].v=2")).0, ["l[1].v"]);
}

#[test]
fn what_is_not_there_has_no_address() {
    for input in ["", "a: [", "other: 1\n", "image: {{ .Values.x }}\n"] {
        for target in ["helm:image.tag", "image:image", "setter:a:b", "values:x", "container:Pod/a:b"] {
            let target: Target = target.parse().unwrap();
            assert!(addresses(input.as_bytes(), &target).is_empty(), "{target} in {input:?}");
        }
    }
}

#[test]
fn a_long_list_has_none() {
    let many: String =
        (0..300).map(|n| format!("v{n}: a:v1 # {{\"$imagepolicy\": \"flux:api\"}}\n")).collect();
    let edited = apply(many.as_bytes(), &[edit("setter:flux:api=a:v2")]).unwrap();
    assert_eq!((edited.changes.len(), edited.addresses.len()), (300, 0));
}
