//! Which events pass which filters. The filters are evaluated as Argo Events does it.

use regex_lite::Regex;
use serde_json::{Value, json};

use super::{files, object, slug};
use crate::catalogue::tests::{bodies, small};
use crate::go::regex;

const COMMIT: &str = "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d";

fn push(git_ref: &str, sender: &str) -> Value {
    json!({"body": {
        "X-GitHub-Event": "push", "ref": git_ref, "after": COMMIT, "before": "0".repeat(40),
        "head_commit": {"id": COMMIT}, "sender": {"login": sender},
        "repository": {"full_name": "Shop/API"},
    }})
}

/// Whether the data filters of a dependency let an event pass (argo-events `pkg/sensors/dependencies/filter.go`).
fn passes(dependency: &Value, event: &Value) -> bool {
    dependency["filters"]["data"].as_array().unwrap().iter().all(|filter| {
        let pointer = format!("/{}", filter["path"].as_str().unwrap().replace('.', "/"));
        let Some(value) = event.pointer(&pointer).map(|value| value.as_str().unwrap_or_default()) else {
            return false;
        };
        let negated = filter["comparator"] == "!=";
        let texts = filter["value"].as_array().unwrap().iter();
        texts
            .map(|text| Regex::new(text.as_str().unwrap()).unwrap())
            .any(|regex| regex.is_match(value) != negated)
    })
}

/// The names of the triggers that an event runs.
fn triggered(sensor: &Value, event: &Value) -> Vec<String> {
    let dependencies = sensor["spec"]["dependencies"].as_array().unwrap().iter();
    let passed: Vec<_> =
        dependencies.filter(|one| passes(one, event)).map(|one| one["name"].as_str().unwrap()).collect();
    let triggers = sensor["spec"]["triggers"].as_array().unwrap().iter().map(|trigger| &trigger["template"]);
    let runs = |template: &&Value| {
        template["conditions"].as_str().unwrap().split(" || ").any(|name| passed.contains(&name))
    };
    triggers.filter(runs).map(|template| template["name"].as_str().unwrap().to_owned()).collect()
}

fn body() -> Value {
    let mut body =
        small(&json!({"branches": ["main", "release/.*"], "tags": [r"v\d+.*"], "pull-requests": true}));
    body["hook"]["bots"] = json!(["deploy-bot", "ci[bot]"]);
    body
}

fn sensor() -> Value {
    object(&files(&body()), "sensor-1.yaml")
}

#[test]
fn each_event_builds_or_leaves_one_reason() {
    let sensor = sensor();
    let deleted = |git_ref: &str| {
        let mut event = push(git_ref, "ann");
        event["body"]["after"] = json!("0".repeat(40));
        event["body"]["head_commit"] = Value::Null;
        event
    };
    let mut other = push("refs/heads/main", "ann");
    other["body"]["repository"]["full_name"] = json!("other/api");
    for (event, expected) in [
        (push("refs/heads/main", "ann"), "push-shop-api"),
        (push("refs/heads/release/2", "ann"), "push-shop-api"),
        (push("refs/heads/mainline", "ann"), "ignored-branch-or-tag"),
        (push("refs/heads/x/main", "ann"), "ignored-branch-or-tag"),
        (push("refs/tags/main", "ann"), "ignored-branch-or-tag"),
        (push("refs/tags/v1.2.3", "ann"), "tag-shop-api"),
        (push("refs/heads/main", "deploy-bot"), "ignored-own-commit"),
        (push("refs/heads/main", "Deploy-Bot"), "ignored-own-commit"),
        (push("refs/heads/main", "ci[bot]"), "ignored-own-commit"),
        (push("refs/heads/main", "deploy-bot2"), "push-shop-api"),
        (push("refs/heads/release/{{workflow.name}}", "ann"), "ignored-odd-ref-name"),
        (push("refs/heads/release/$(build.digest)", "ann"), "ignored-odd-ref-name"),
        (push("refs/tags/v1+2", "ann"), "ignored-odd-ref-name"),
        (deleted("refs/heads/main"), "ignored-deletion"),
        (deleted("refs/tags/v1"), "ignored-deletion"),
        (other, "ignored-unknown-repository"),
    ] {
        let expected = expected.replace("shop-api", &slug(&body()));
        assert_eq!(triggered(&sensor, &event), [expected], "{event}");
    }
}

/// The filters of these tests are evaluated by `regex-lite`.
#[test]
fn go_compiles_every_pattern_of_a_filter() {
    let mut seen = 0;
    for body in bodies().into_iter().chain([body()]) {
        let files = files(&body);
        for file in
            files.iter().filter(|file| file.name.starts_with("sensor-") && file.name != "sensor-account.yaml")
        {
            for dependency in object(&files, &file.name)["spec"]["dependencies"].as_array().unwrap() {
                for filter in dependency["filters"]["data"].as_array().unwrap() {
                    for text in filter["value"].as_array().unwrap() {
                        let read = regex::parse(text.as_str().unwrap());
                        assert!(read.is_ok_and(|anchors| anchors.start && anchors.end), "{text}");
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn each_workflow_has_the_label_of_its_line() {
    let (sensor, slug) = (sensor(), slug(&body()));
    let repo = body()["services"][0]["repo"].as_str().unwrap().to_owned();
    for (kind, git_ref) in [
        ("push", r#"" .Input.body.ref ""#),
        ("tag", r#"" .Input.body.ref ""#),
        ("pull-request", r#"refs/pull/" (.Input.body.pull_request.number | int64) "/head"#),
    ] {
        let mut templates = sensor["spec"]["triggers"].as_array().unwrap().iter().map(|one| &one["template"]);
        let k8s = &templates.find(|template| template["name"] == format!("{kind}-{slug}")).unwrap()["k8s"];
        let parameters = k8s["parameters"].as_array().unwrap();
        let line = parameters.iter().find(|one| one["dest"] == r"metadata.labels.argo-buildkit\.io/line");
        let mut arguments =
            k8s["source"]["resource"]["spec"]["arguments"]["parameters"].as_array().unwrap().iter();
        let image = arguments.find(|one| one["name"] == "image").unwrap()["value"].as_str().unwrap();
        assert_eq!(
            line.unwrap()["src"]["dataTemplate"],
            format!(r#"{{{{ print "{repo} {git_ref} {image}" | sha1sum }}}}"#)
        );
    }
}

/// The delivery is the id of the trace (docs/operate.md).
#[test]
fn each_workflow_has_the_id_of_its_delivery() {
    let sensor = sensor();
    let triggers = sensor["spec"]["triggers"].as_array().unwrap().iter().map(|one| &one["template"]["k8s"]);
    let creating: Vec<_> = triggers.filter(|k8s| k8s.is_object()).collect();
    assert_eq!(creating.len(), 3);
    for k8s in creating {
        let parameters = k8s["parameters"].as_array().unwrap().iter();
        let delivery: Vec<_> = parameters
            .filter(|one| one["dest"] == r"metadata.annotations.argo-buildkit\.io/delivery")
            .map(|one| one["src"]["dataTemplate"].as_str().unwrap())
            .collect();
        assert_eq!(delivery, [r#"{{ index .Input.body "X-GitHub-Delivery" | default "none" }}"#]);
    }
}

#[test]
fn an_event_of_another_kind_stops_at_the_first_filter() {
    for dependency in sensor()["spec"]["dependencies"].as_array().unwrap() {
        let paths: Vec<_> =
            dependency["filters"]["data"].as_array().unwrap().iter().map(|filter| &filter["path"]).collect();
        assert_eq!(paths[..2], ["body.X-GitHub-Event", "body.repository.full_name"], "{dependency}");
    }
}
