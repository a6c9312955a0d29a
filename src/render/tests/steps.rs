//! The rendered steps are steps that the plugin takes, with what the catalogue says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::{RenderedFile, render};
use super::{catalogue, files, object};
use crate::catalogue::tests::{bodies, small};
use crate::catalogue::{KnownTemplates, read};
use crate::step::select::Choice;
use crate::step::{Step, parse};

const COMMIT: &str = "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d";

/// The steps in the files of a catalogue, with an event's values.
fn steps(body: &Value) -> Vec<(String, Step)> {
    let files = render(&catalogue(body)).unwrap();
    let of_file = |name: &str| {
        let object = object(&files, name);
        let paths = ["/spec/templates/0/plugin/buildkit", "/spec/workflowSpec/templates/0/plugin/buildkit"];
        let step = paths.into_iter().find_map(|path| object.pointer(path))?.to_string();
        let step = step
            .replace("{{inputs.parameters.ref}}", "refs/heads/main")
            .replace("{{inputs.parameters.before}}", COMMIT)
            .replace("{{inputs.parameters.after}}", COMMIT);
        Some(
            parse(&serde_json::from_str(&step).unwrap())
                .unwrap_or_else(|wrong| panic!("{name}: {wrong}\n{step}")),
        )
    };
    files.iter().filter_map(|file| Some((file.name.clone(), of_file(&file.name)?))).collect()
}

#[test]
fn what_decides_submits_what_the_catalogue_says() {
    let mut seen = 0;
    for body in bodies() {
        let catalogue = catalogue(&body);
        for (name, step) in steps(&body) {
            let Step::Select(select) = step else { continue };
            let Choice::Services(services) = &select.choice else { panic!("{name} names services") };
            for service in services {
                let known = catalogue.services.iter().find(|known| known.name == service.name).unwrap();
                let build = match name.starts_with("select-pr-") {
                    true => known.pull_request.as_ref().unwrap(),
                    false => &known.build,
                };
                let call = service.workflow.as_ref().unwrap();
                let expected: &BTreeMap<_, _> = &build.parameters;
                assert_eq!((&call.template, &call.parameters), (&build.template, expected), "{name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 2, "{seen}");
}

#[test]
fn the_sweep_looks_for_what_the_catalogue_says() {
    for body in bodies() {
        let catalogue = catalogue(&body);
        let mut names = Vec::new();
        for (name, step) in steps(&body) {
            let Step::Poll(poll) = step else { continue };
            for service in poll.services {
                let known = catalogue.services.iter().find(|known| known.name == service.name).unwrap();
                assert_eq!(known.pull.is_some(), name.starts_with("pull-"), "{name}");
                let secrets =
                    (service.secret.map(|one| one.name), service.registry_secret.map(|one| one.name));
                assert_eq!(secrets, (known.git_secret.clone(), known.registry_secret.clone()), "{name}");
                assert_eq!((&service.repo, service.image.to_string()), (&known.repo, known.image.clone()));
                let mut submitted = service.workflow.parameters;
                submitted.retain(|name, _| !name.starts_with("paths"));
                assert_eq!(submitted, known.build.parameters, "{name}");
                names.push(service.name);
            }
        }
        names.sort();
        let mut expected: Vec<_> = catalogue.services.iter().map(|service| service.name.clone()).collect();
        expected.sort();
        assert_eq!(names, expected, "each service is in one of them");
    }
}

#[test]
fn a_deciding_template_is_there_for_each_trigger_that_names_one() {
    for body in bodies() {
        let files = files(&body);
        let Some(_) = files.iter().find(|file| file.name == "sensor-1.yaml") else { continue };
        let sensor = object(&files, "sensor-1.yaml");
        for trigger in sensor["spec"]["triggers"].as_array().unwrap() {
            let spec = &trigger["template"]["k8s"]["source"]["resource"]["spec"];
            let Some(template) = spec["workflowTemplateRef"]["name"].as_str() else { continue };
            if template.starts_with("select-") {
                assert_eq!(object(&files, &format!("{template}.yaml"))["metadata"]["name"], template);
            }
        }
    }
}

/// The parameters of a trigger's Workflow, without those that an event sets.
fn fixed(sensor: &Value, trigger: &str) -> BTreeMap<String, String> {
    let triggers = sensor["spec"]["triggers"].as_array().unwrap().iter().map(|one| &one["template"]);
    let k8s = &triggers.into_iter().find(|template| template["name"] == trigger).unwrap()["k8s"];
    let parameters = k8s.pointer("/source/resource/spec/arguments/parameters").unwrap().as_array().unwrap();
    let set: Vec<_> =
        k8s["parameters"].as_array().unwrap().iter().map(|one| one["dest"].as_str().unwrap()).collect();
    let is_set = |n: usize| set.contains(&format!("spec.arguments.parameters.{n}.value").as_str());
    let fixed = parameters.iter().enumerate().filter(|(n, _)| !is_set(*n));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    fixed.map(|(_, parameter)| (text(&parameter["name"]), text(&parameter["value"]))).collect()
}

#[test]
fn a_sensor_makes_the_workflow_that_the_sweep_submits() {
    let mut templates = KnownTemplates::bundled();
    let names =
        ["repo", "image", "revision", "git-ref", "image-tag", "before", "paths", "paths-ignore", "targets"];
    let parameters: Vec<_> = names.map(|name| json!({"name": name, "value": ""})).into();
    let spec = json!({"arguments": {"parameters": parameters}});
    templates.take(&json!({"kind": "WorkflowTemplate", "metadata": {"name": "mine"}, "spec": spec}));
    let body = small(&json!({
        "template": "mine", "branches": ["main"], "paths": ["a/**", "!a/b"], "paths-ignore": ["*.md"], "tags": ["v.*"],
        "targets": [{"file": "a.yaml", "helm": {"digest": "$(build.digest)"}}],
    }));
    let catalogue = read(&body, &templates).unwrap();
    let (files, slug) = (render(&catalogue).unwrap(), &catalogue.repositories()[0].slug);
    assert!(!files.iter().any(|file| file.name.starts_with("select-")), "its template decides");
    let poll = "/spec/workflowSpec/templates/0/plugin/buildkit/poll/services/0";
    let service = object(&files, "sweep.yaml").pointer(poll).unwrap().clone();
    let submitted = service["workflow"]["parameters"].as_object().unwrap().iter();
    let mut submitted: BTreeMap<_, _> =
        submitted.map(|(name, value)| (name.clone(), value.as_str().unwrap().replace("$$(", "$("))).collect();
    submitted.insert("repo".to_owned(), service["repo"].as_str().unwrap().to_owned());
    let sensor = object(&files, "sensor-1.yaml");
    for kind in ["push", "tag"] {
        assert_eq!(fixed(&sensor, &format!("{kind}-{slug}")), submitted, "{kind}");
    }
    assert_eq!(submitted["paths"], r#"["a/**","!a/b"]"#);
}

/// The templates and the names of the Workflows that pushes to branches make.
fn pushed(files: &[RenderedFile]) -> Vec<(String, String)> {
    let triggers = object(files, "sensor-1.yaml")["spec"]["triggers"].take();
    let created = triggers.as_array().unwrap().iter().filter_map(|trigger| {
        let k8s = &trigger["template"]["k8s"];
        let name = k8s.pointer("/parameters/0/src/dataTemplate")?.as_str()?.to_owned();
        let template = k8s.pointer("/source/resource/spec/workflowTemplateRef/name")?.as_str()?;
        name.contains(".body.after").then(|| (template.to_owned(), name))
    });
    created.collect()
}

#[test]
fn a_commit_on_two_branches_is_compared_on_each() {
    for (service, is_of_ref) in [
        (json!({"paths": ["a/**"]}), true),
        (json!({"paths-ignore": ["a/**"], "branches": ["main", "next"]}), true),
        (json!({"paths": ["a/**"], "branches": ["release/.*"]}), true),
        (json!({"paths": ["a/**"], "branches": ["main|next"]}), true),
        (json!({"paths": ["a/**"], "branches": ["main"]}), false),
        // Nothing is compared: any push builds the same thing.
        (json!({"branches": ["main", "next"]}), false),
    ] {
        let files = files(&small(&service));
        let (template, name) = &pushed(&files)[0];
        assert_eq!(template.starts_with("select-push-"), is_of_ref, "{service}");
        assert_eq!(name.contains("-b{{ .Input.body.ref | sha1sum"), is_of_ref, "{service}: {name}");
    }
}

#[test]
fn two_catalogues_of_a_namespace_share_no_name() {
    let names = |catalogue: &str| {
        let mut body = small(&json!({"pull-requests": true, "paths": ["a/**"]}));
        body["name"] = json!(catalogue);
        let files = files(&body);
        let objects = files.iter().map(|file| {
            let object = object(&files, &file.name);
            (object["kind"].to_string(), object["metadata"]["name"].to_string())
        });
        let of_workflows = pushed(&files).into_iter().map(|(_, name)| ("Workflow".to_owned(), name));
        let all =
            objects.filter(|(_, name)| name.as_str() != "null" && name.as_str() != "\"buildkit-sensor\"");
        all.chain(of_workflows).collect::<BTreeSet<_>>()
    };
    let (ours, theirs) = (names("services"), names("services-1"));
    assert!(ours.len() > 4, "{ours:?}");
    let shared: Vec<_> = ours.intersection(&theirs).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

#[test]
fn no_two_repositories_share_a_name() {
    let mut services = Vec::new();
    for (n, repo) in ["shop/api", "shop/api-pr", "shop/push-api", "shop-api/pr"].iter().enumerate() {
        for half in ["a", "b"] {
            services.push(json!({
                "name": format!("{half}{n}"),
                "repo": format!("https://git.example.com/{repo}.git"),
                "image": format!("registry.example.com/{half}{n}"),
                "pull-requests": true,
            }));
        }
    }
    let mut body = small(&json!({}));
    body["services"] = json!(services);
    let files = files(&body);
    let mut names: Vec<_> =
        files.iter().map(|file| object(&files, &file.name)["metadata"]["name"].to_string()).collect();
    names.retain(|name| name.contains("select-"));
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!((names.len(), unique.len()), (8, 8), "{names:?}");
    let triggers = object(&files, "sensor-1.yaml")["spec"]["triggers"].take();
    for metadata in triggers
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one.pointer("/template/k8s/source/resource/metadata"))
    {
        let slug = metadata["labels"]["argo-buildkit.io/repository"].as_str().unwrap();
        assert_eq!(metadata["name"], format!("select-{slug}"));
    }
    // A commit may be pushed to two branches, and each is decided about.
    let of_branches = pushed(&files);
    assert!(
        of_branches.len() == 4
            && of_branches.iter().all(|(_, name)| name.contains("-b{{ .Input.body.ref | sha1sum")),
        "{of_branches:?}"
    );
}
