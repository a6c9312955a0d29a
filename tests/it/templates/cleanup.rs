//! `registry-cleanup` with the real controller and agent, and its CronWorkflow.

use serde_json::{Value, json};

use super::pipeline::finish;
use super::{directory, installed, submit};
use crate::support::images::Repository;
use crate::support::net::unique;
use crate::support::shared::shared_registry;

const CRON: &str = include_str!("../../../examples/registry-cleanup.yaml");
const CACHES: &str = include_str!("../../../examples/cache-cleanup.yaml");

#[tokio::test]
async fn old_tags_are_named_and_then_deleted() {
    let argo = installed().await;
    let repository = Repository::new(shared_registry().host(), &format!("cleanup/{}", unique("api")));
    for n in 1..5 {
        repository.dated(&format!("1.{n}.0"), &format!("2026-01-0{n}T10:00:00.5Z"), json!({})).await;
    }
    let parameters =
        [("image", repository.name.as_str()), ("registry-secret", ""), ("filter-semver", "*"), ("keep", "2")];
    let workflow = submit(argo, "registry-cleanup", &parameters).await;
    finish(argo, &workflow).await;
    let outputs = argo.nodes(&workflow).await["clean"].outputs.clone();
    assert_eq!((outputs["planned"].as_str(), outputs["deleted"].as_str()), (r#"["1.1.0","1.2.0"]"#, "[]"));
    assert!(outputs["plan"].contains("keep 1.3.0: it is one of the 2 newest images"), "{}", outputs["plan"]);
    let workflow =
        submit(argo, "registry-cleanup", &[&parameters[..], &[("dry-run", "false")]].concat()).await;
    finish(argo, &workflow).await;
    assert_eq!(argo.nodes(&workflow).await["clean"].outputs["deleted"], r#"["1.1.0","1.2.0"]"#);
    assert_eq!(repository.read("1.1.0").await, None);
    repository.checked("1.3.0").await;
}

/// The rules for caches run in `build_fields::old_caches`.
#[test]
fn the_cron_workflow_for_caches_fits_the_template() {
    let template = std::fs::read_to_string(directory().join("registry-cleanup.yaml")).unwrap();
    let (cron, template): (Value, Value) =
        (serde_saphyr::from_str(CACHES).unwrap(), serde_saphyr::from_str(&template).unwrap());
    let spec = &cron["spec"]["workflowSpec"];
    assert_eq!(spec["workflowTemplateRef"]["name"], template["metadata"]["name"]);
    let known = template["spec"]["arguments"]["parameters"].as_array().unwrap();
    for parameter in spec["arguments"]["parameters"].as_array().unwrap() {
        assert!(known.iter().any(|known| known["name"] == parameter["name"]), "{parameter}");
        assert!(parameter["name"] != "dry-run" || parameter["value"] == "true");
    }
}

/// The parameters of the CronWorkflow are those of the template, and it deletes nothing.
#[test]
fn the_cron_workflow_fits_the_template() {
    let template = std::fs::read_to_string(directory().join("registry-cleanup.yaml")).unwrap();
    let (cron, template): (Value, Value) =
        (serde_saphyr::from_str(CRON).unwrap(), serde_saphyr::from_str(&template).unwrap());
    let spec = &cron["spec"]["workflowSpec"];
    assert_eq!(spec["workflowTemplateRef"]["name"], template["metadata"]["name"]);
    let names = |parameters: &Value| -> Vec<String> {
        let parameters = parameters["parameters"].as_array().unwrap().iter();
        parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    let known = names(&template["spec"]["arguments"]);
    assert!(names(&spec["arguments"]).iter().all(|name| known.contains(name)));
    let body = &template["spec"]["templates"][1]["plugin"]["buildkit"]["tags"];
    let fields: Vec<_> = body["delete"].as_object().unwrap().keys().cloned().collect();
    assert!(fields.iter().all(|field| known.contains(field)), "{fields:?}");
    let value = |name: &str| {
        let parameters = spec["arguments"]["parameters"].as_array().unwrap();
        parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["value"].as_str().unwrap()
    };
    assert_eq!(value("dry-run"), "true");
    let image =
        json!({"image": value("image"), "delete": {"keep": value("keep"), "in-use": value("in-use")}});
    argo_buildkit::step::parse(&json!({"tags": image})).unwrap();
}
