//! What the Sensor names exists, and what loses events in silence is not in it.

use std::process::Command;

use regex_lite::Regex;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::{kustomization, list, own_kustomization, text};
use crate::deploy::{object, parse, succeeded};

#[test]
fn each_trigger_sets_parameters_that_its_template_has() {
    let objects = kustomization("sensors");
    for trigger in triggers(&objects) {
        let k8s = &trigger["template"]["k8s"];
        if k8s.is_null() {
            continue;
        }
        let resource = &k8s["source"]["resource"];
        let template = text(&resource["spec"]["workflowTemplateRef"]["name"]);
        let known = template_parameters(template);
        let set: Vec<_> =
            list(&resource["spec"]["arguments"]["parameters"]).iter().map(|p| text(&p["name"])).collect();
        assert!(set.is_sorted(), "`select` and `poll` write the same list: {set:?}");
        assert!(set.iter().all(|name| known.iter().any(|k| k == name)), "{template} of {set:?}");
        for parameter in list(&k8s["parameters"]) {
            let dest = text(&parameter["dest"]);
            let index =
                dest.strip_prefix("spec.arguments.parameters.").and_then(|d| d.strip_suffix(".value"));
            assert!(index.is_none_or(|i| i.parse::<usize>().unwrap() < set.len()), "{dest}");
            assert_eq!(parameter["src"]["dependencyName"], trigger["template"]["conditions"], "{dest}");
        }
    }
}

fn template_parameters(name: &str) -> Vec<String> {
    let path = format!("{}/workflow-templates/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let template = parse(&std::fs::read_to_string(path).unwrap()).remove(0);
    list(&template["spec"]["arguments"]["parameters"]).iter().map(|p| text(&p["name"]).to_owned()).collect()
}

#[test]
fn each_trigger_that_builds_outlasts_an_api_server_and_keeps_what_it_gives_up() {
    let objects = kustomization("sensors");
    let building: Vec<_> = triggers(&objects).iter().filter(|t| t["template"]["k8s"].is_object()).collect();
    assert_eq!(building.len(), 3);
    for trigger in building {
        assert_eq!(trigger["template"]["k8s"]["operation"], "patch", "{trigger}");
        assert_eq!(trigger["atLeastOnce"], true, "without it, nothing is tried again: {trigger}");
        let retry = &trigger["retryStrategy"];
        assert!(retry["factor"].is_number() && retry["steps"].is_number(), "{retry}");
        let waits: u64 = (0..retry["steps"].as_u64().unwrap() - 1).map(|n| 1 << n).sum();
        assert!(waits > 60, "seconds of all waits: {waits}");
        assert_eq!(trigger["dlqTrigger"]["atLeastOnce"], true, "the controller asks for it");
        assert!(trigger["dlqTrigger"]["template"]["log"].is_object(), "{trigger}");
    }
}

#[test]
fn each_workflow_has_the_id_of_its_delivery() {
    let objects = kustomization("sensors");
    for trigger in triggers(&objects).iter().filter(|t| t["template"]["k8s"].is_object()) {
        let parameters = list(&trigger["template"]["k8s"]["parameters"]).iter();
        let delivery: Vec<_> = parameters
            .filter(|p| p["dest"] == r"metadata.annotations.argo-buildkit\.io/delivery")
            .map(|p| text(&p["src"]["dataTemplate"]))
            .collect();
        assert_eq!(delivery, [r#"{{ index .Input.body "X-GitHub-Delivery" | default "none" }}"#]);
    }
}

#[test]
fn each_trigger_has_a_dependency_and_each_dependency_a_trigger() {
    let objects = kustomization("sensors");
    let spec = &object(&objects, "Sensor", "push")["spec"];
    let dependencies: Vec<_> = list(&spec["dependencies"]).iter().map(|d| text(&d["name"])).collect();
    let conditions: Vec<_> = triggers(&objects).iter().map(|t| text(&t["template"]["conditions"])).collect();
    assert_eq!(dependencies, conditions);
}

#[test]
fn every_pattern_that_could_match_in_the_middle_is_anchored() {
    let objects = kustomization("sensors");
    for dependency in list(&object(&objects, "Sensor", "push")["spec"]["dependencies"]) {
        for filter in list(&dependency["filters"]["data"]) {
            for value in list(&filter["value"]).iter().map(text) {
                Regex::new(value).unwrap();
                assert!(is_anchored(value), "{value}");
            }
        }
    }
}

/// Whether each alternative begins with `^` and ends with `$`, or the one group of all does.
fn is_anchored(pattern: &str) -> bool {
    let (mut depth, mut in_class, mut is_escaped) = (0, false, false);
    let mut parts = vec![String::new()];
    for c in pattern.chars() {
        match c {
            _ if is_escaped => {}
            '[' if !in_class => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth -= 1,
            '|' if !in_class && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
        parts.last_mut().unwrap().push(c);
    }
    parts.iter().all(|part| part.starts_with('^') && part.ends_with('$') && !part.ends_with("\\$"))
}

#[test]
fn a_pattern_with_an_open_alternative_is_told_apart() {
    for (pattern, is) in [
        ("^main$", true),
        ("^(main|master)$", true),
        ("^main$|^master$", true),
        ("^main|master$", false),
        ("main$|^master", false),
        ("^main$|master", false),
        (r"^main\$", false),
        (r"^[(]x|y$", false),
        (r"^\(x|y$", false),
        ("^[(|]x$", true),
    ] {
        assert_eq!(is_anchored(pattern), is, "{pattern}");
    }
}

#[test]
fn a_sensor_may_get_create_and_patch_workflows_and_nothing_else() {
    let objects = kustomization("sensors");
    let role = object(&objects, "Role", "buildkit-sensor");
    let rule = json!({"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "create", "patch"]});
    assert_eq!(role["rules"], json!([rule]));
    assert!(objects.iter().all(|o| o["kind"] != "ClusterRole" && o["kind"] != "ClusterRoleBinding"));
    let account = &object(&objects, "Sensor", "push")["spec"]["template"]["serviceAccountName"];
    assert_eq!(object(&objects, "RoleBinding", "buildkit-sensor")["subjects"][0]["name"], *account);
}

/// `repository.name` is whatever the sender wrote.
#[test]
fn a_repository_is_named_by_the_name_that_the_filters_judge() {
    let objects = kustomization("sensors");
    let known = [
        "repository.full_name",
        "before",
        "after",
        "ref",
        "head_commit.id",
        "pull_request.number",
        "pull_request.head.sha",
    ];
    let part = Regex::new(r"\bbody((?:\.\w+)+)").unwrap();
    for trigger in triggers(&objects) {
        let written = trigger["template"]["k8s"]["parameters"].to_string();
        for named in part.captures_iter(&written) {
            assert!(known.contains(&&named[1][1..]), "{} in {written}", &named[0]);
        }
    }
}

/// The sweep of docs/events.md must give a Workflow the name that the Sensor gives it.
#[test]
fn the_documented_sweep_is_a_step_and_names_the_service_as_the_sensor_does() {
    let page = include_str!("../../../docs/events.md");
    let sweep = page.split("```yaml\n").find(|block| block.contains("kind: CronWorkflow")).unwrap();
    let sweep = parse(sweep.split("```").next().unwrap()).remove(0);
    let plugin = &sweep["spec"]["workflowSpec"]["templates"][0]["plugin"]["buildkit"];
    argo_buildkit::step::parse(plugin).unwrap();
    let hash = hex::encode(Sha1::digest(b"shop/api"));
    let name = format!("shop-api-{}", &hash[..6]);
    assert_eq!(plugin["poll"]["services"][0]["name"], name);
    let objects = kustomization("sensors");
    // The sweep of tags, with the template of the Sensor's tags.
    let tags = page.split("```yaml\n").find(|block| block.starts_with("- name: shop-api")).unwrap();
    let tags = parse(tags.split("```").next().unwrap()).remove(0);
    argo_buildkit::step::parse(&json!({"poll": {"services": tags}})).unwrap();
    let tag = triggers(&objects).iter().find(|trigger| trigger["template"]["name"] == "tag").unwrap();
    let of_sensor = tag.pointer("/template/k8s/source/resource/spec/workflowTemplateRef/name").unwrap();
    assert_eq!((&tags[0]["name"], &tags[0]["workflow"]["template"]), (&json!(name), of_sensor));
    let name = &triggers(&objects)[0]["template"]["k8s"]["parameters"][1]["src"]["dataTemplate"];
    assert!(text(name).contains("trunc 29") && text(name).contains("sha1sum | trunc 6"), "{name}");
}

#[test]
fn lint_finds_nothing_to_correct() {
    let mut lint = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    lint.current_dir(env!("CARGO_MANIFEST_DIR"));
    succeeded(lint.args(["lint", "eventsources", "sensors", "workflow-templates"]));
}

#[test]
fn the_settings_reach_every_place_and_no_other() {
    let own = own_kustomization(
        "resources: [../../sensors/base]\n\
         components: [../../sensors/components/webhook, ../../sensors/components/settings]\n\
         configMapGenerator:\n\
         - name: sensor-settings\n\
         \x20 options: {disableNameSuffixHash: true, annotations: {config.kubernetes.io/local-config: 'true'}}\n\
         \x20 literals: [event-source=webhook, 'repositories=https://g/', images=i/, insecure=true, 'gitops-repo=https://g/o.git', charts=c/, 'own-account=^(?:bot)$', 'repository-names=^own/[^/]+$']\n",
    );
    let shown = object(&own, "Sensor", "push").to_string();
    assert!(
        !shown.contains("example.com") && !shown.contains("deploy-bot") && !shown.contains("^shop/"),
        "{shown}"
    );
    let value = |trigger: &Value, name: &str| {
        let parameters = &trigger["template"]["k8s"]["source"]["resource"]["spec"]["arguments"]["parameters"];
        list(parameters).iter().find(|p| p["name"] == name).map(|p| text(&p["value"]).to_owned())
    };
    for trigger in triggers(&own).iter().filter(|t| t["template"]["k8s"].is_object()) {
        let found = ["repo", "image", "insecure"].map(|name| value(trigger, name).unwrap());
        assert_eq!(found, ["https://g/", "i/", "true"]);
        assert!(value(trigger, "image-tag").is_none_or(|tag| tag.is_empty()), "{trigger}");
    }
    assert_eq!(value(&triggers(&own)[0], "gitops-repo").unwrap(), "https://g/o.git");
    for dependency in list(&object(&own, "Sensor", "push")["spec"]["dependencies"]) {
        assert_eq!(dependency["eventSourceName"], "webhook");
        assert!(text(&dependency["transform"]["jq"]).contains("del(.Authorization)"), "{dependency}");
    }
}

fn triggers(objects: &[Value]) -> &[Value] {
    list(&object(objects, "Sensor", "push")["spec"]["triggers"])
}
