//! The files themselves.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use kube::api::{Patch, PatchParams, ValidationDirective};
use serde_json::{Value, json};

use super::{PATIENCE, directory, templates};
use crate::support::bin;
use crate::support::kube::{BUILDS, Kube};
use crate::support::net::until;

#[test]
fn argo_lints_them_in_strict_mode() {
    let mut command = Command::new(bin::testbed("argo"));
    let output = command.args(["lint", "--offline", "--strict"]).arg(directory()).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    // Only the log shows an error for a file that is not YAML.
    assert!(output.status.success() && !said.contains("level=ERROR"), "{said}");
    assert!(said.contains("no linting errors found"), "{said}");
}

#[test]
fn the_kustomization_names_every_one_of_them() {
    let text = fs::read_to_string(directory().join("kustomization.yaml")).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&text).unwrap();
    let mut listed: Vec<_> = kustomization["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r.as_str().unwrap().to_owned())
        .collect();
    listed.sort();
    assert_eq!(listed, templates().into_iter().map(|(file, _)| file).collect::<Vec<_>>());
    assert_eq!(kustomization["namespace"], "builds");
    let output = Command::new(bin::testbed("kustomize")).arg("build").arg(directory()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A server without a controller, so that the full CRDs can be its own.
#[tokio::test]
async fn the_full_crds_accept_every_field() {
    let kube = Kube::start().await;
    let testbed = bin::testbed("argo");
    let crd =
        testbed.ancestors().nth(2).unwrap().join("share/argo/crds-full/argoproj.io_workflowtemplates.yaml");
    kube.apply_yaml(&fs::read_to_string(crd).unwrap()).await;
    let api = kube.api("argoproj.io/v1alpha1", "WorkflowTemplate", BUILDS).await;
    let strict = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("it").dry_run()
    };
    let dry_run = async |template: &Value| {
        let name = template["metadata"]["name"].as_str().unwrap();
        let answer = async || match api.patch(name, &strict, &Patch::Apply(template)).await {
            // The CRD is not served yet.
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            other => Some(other.map(drop).map_err(|error| error.to_string())),
        };
        until(|| "the CRD".to_owned(), PATIENCE, answer).await
    };
    for (file, mut template) in templates() {
        assert_eq!(dry_run(&template).await, Ok(()), "{file}");
        template["spec"]["ttlStrategie"] = json!({});
        let refused = dry_run(&template).await.unwrap_err();
        assert!(refused.contains("ttlStrategie"), "the check can fail: {refused}");
    }
}

/// A default for `argo submit` is also a default for a templateRef.
#[test]
fn a_template_has_the_same_defaults_either_way() {
    // Those of its label, and of its exit handler.
    let of_workflow = ["app-name", "notify-to", "notify-secret", "notify-signed"];
    for (file, template) in templates() {
        let (name, spec) = (&template["metadata"]["name"], &template["spec"]);
        assert_eq!(&spec["entrypoint"], name, "{file}");
        let inner = &spec["templates"][0];
        assert_eq!(&inner["name"], name, "{file}");
        let read = |parameters: &Value, key: &str| -> BTreeMap<String, Value> {
            let parameters = parameters.as_array().unwrap().iter();
            parameters.map(|p| (p["name"].as_str().unwrap().to_owned(), p[key].clone())).collect()
        };
        let mut arguments = read(&spec["arguments"]["parameters"], "value");
        let inputs = read(&inner["inputs"]["parameters"], "default");
        arguments.retain(|name, _| !of_workflow.contains(&name.as_str()));
        assert_eq!(arguments, inputs, "{file}");
        for (name, description) in read(&spec["arguments"]["parameters"], "description") {
            assert!(description.as_str().is_some_and(|text| text.ends_with('.')), "{file}: {name}");
        }
    }
}

/// A workflow ends with the exit handler of its own template, so each template that builds has a copy.
#[test]
fn the_templates_that_build_have_one_exit_handler() {
    let of_handler = ["status-secret", "notify-to", "notify-secret", "notify-signed"];
    let handler = |spec: &Value| {
        let named = |list: &Value, is_kept: &dyn Fn(&str) -> bool| {
            let mut kept = list.as_array().unwrap().clone();
            kept.retain(|one| is_kept(one["name"].as_str().unwrap()));
            kept
        };
        json!({
            "onExit": spec["onExit"],
            "parameters": named(&spec["arguments"]["parameters"], &|name| of_handler.contains(&name)),
            "templates": named(&spec["templates"], &|name| ["report", "tell"].contains(&name)),
        })
    };
    let mut all = templates();
    all.retain(|(_, template)| template["spec"]["onExit"].is_string());
    assert_eq!(all.len(), 3, "build-push, and both that deploy");
    let first = handler(&all[0].1["spec"]);
    assert_eq!(first["parameters"].as_array().unwrap().len(), of_handler.len());
    assert_eq!(first["templates"].as_array().unwrap().len(), 2);
    for (file, template) in &all {
        assert_eq!(handler(&template["spec"]), first, "{file}");
    }
}

/// One body is written twice, because it cannot be shared.
#[test]
fn the_one_node_pipeline_builds_as_build_push_does() {
    let all: BTreeMap<_, _> = templates().into_iter().collect();
    let body = |file: &str| {
        let plugin = all[file].pointer("/spec/templates/1/plugin/buildkit").unwrap();
        let steps = plugin["steps"].as_array().cloned().unwrap_or_else(|| vec![plugin.clone()]);
        let deploys = |step: &Value| ["update-manifest", "sync"].iter().any(|kind| !step[*kind].is_null());
        steps.into_iter().filter(|step| !deploys(step)).collect::<Vec<_>>()
    };
    assert_eq!(body("build-push.yaml"), body("ci-cd-buildkit-deploy.yaml"));
}
