//! The filters of a rendered Sensor over recorded hooks.

use std::io::Write as _;
use std::process::{Command, Stdio};

use regex_lite::Regex;
use serde_json::{Value, json};

use super::{RENDER, render};
use crate::support::hooks::{Hook, hooks};

const CATALOGUE: &str = "\
namespace: builds
hook: {source: SOURCE, secret: hook, bots: [deploy-bot]}
defaults: {tags: ['.*'], pull-requests: true}
services:
- {name: api, repo: 'https://git.example.com/shop/api.git', image: r.example.com/api}
- {name: odd, repo: 'https://git.example.com/shop/a.b_C-D.git', image: r.example.com/odd}
";

/// The Sensor of a catalogue for hooks of a source.
fn sensor(source: &str) -> Value {
    let room = tempfile::tempdir().unwrap();
    std::fs::write(room.path().join("services.yaml"), CATALOGUE.replace("SOURCE", source)).unwrap();
    let (code, _, said) = render(room.path(), RENDER);
    assert_eq!((code, said.as_str()), (0, ""));
    let text = std::fs::read_to_string(room.path().join("out/sensor-1.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// The triggers that a hook starts. Each filter before the first that stops it must find what it looks at: a missing field
/// would be a warning in the Sensor's log, for every event.
fn started(sensor: &Value, hook: &Hook) -> Vec<String> {
    event_started(sensor, &event(hook), &hook.name)
}

fn event_started(sensor: &Value, event: &Value, hook: &str) -> Vec<String> {
    let dependencies = sensor["spec"]["dependencies"].as_array().unwrap().iter();
    let passed: Vec<_> = dependencies
        .filter(|dependency| {
            dependency["filters"]["data"]
                .as_array()
                .unwrap()
                .iter()
                .all(|filter| matches(filter, event, hook))
        })
        .map(|dependency| dependency["name"].as_str().unwrap())
        .collect();
    let triggers = sensor["spec"]["triggers"].as_array().unwrap().iter().map(|trigger| &trigger["template"]);
    let runs = |template: &&Value| {
        template["conditions"].as_str().unwrap().split(" || ").any(|name| passed.contains(&name))
    };
    triggers.filter(runs).map(|template| without_hash(template["name"].as_str().unwrap())).collect()
}

/// `push-shop-api` for `push-shop-api-0a1b2c`.
fn without_hash(trigger: &str) -> String {
    match trigger.rsplit_once('-') {
        Some((name, _)) if !trigger.starts_with("ignored-") => name.to_owned(),
        _ => trigger.to_owned(),
    }
}

/// What the EventSource makes of a hook: it adds the headers to the body.
fn event(hook: &Hook) -> Value {
    let mut body = hook.body.clone();
    for (name, value) in hook.headers.iter().filter(|(name, _)| name.starts_with("X-GitHub-")) {
        body[name] = json!(value);
    }
    json!({"body": body})
}

fn matches(filter: &Value, event: &Value, hook: &str) -> bool {
    let path = filter["path"].as_str().unwrap();
    let found = path.split('.').try_fold(event, |value, key| value.get(key));
    let found = found.unwrap_or_else(|| panic!("{hook} has no {path}"));
    let text = match filter.get("template") {
        // The template, by hand: whether a pull request is of its own repository.
        Some(_) => {
            let name = |side: &str| found[side]["repo"]["full_name"].as_str();
            if name("head") == name("base") { "same" } else { "fork" }
        }
        None => found.as_str().unwrap_or_default(),
    };
    let unequal = filter["comparator"] == "!=";
    let mut values = filter["value"].as_array().unwrap().iter().map(|value| value.as_str().unwrap());
    values.any(|value| Regex::new(value).unwrap().is_match(text) != unequal)
}

/// The trigger of a rendered Sensor for that of the Sensor in sensors/, which takes any repository.
fn expected(hook: &Hook) -> Option<String> {
    let repository = hook.body["repository"]["full_name"].as_str().unwrap_or_default();
    let slug = repository.to_lowercase().replace(['/', '.', '_'], "-");
    // Here a tag of any name is built, but those that no image can have, or no parameter.
    let is_odd = ["hostile", "with-slash"].iter().any(|part| hook.name.ends_with(part));
    Some(match hook.trigger.as_deref()? {
        "branch" => format!("push-{slug}"),
        kind @ ("tag" | "pull-request") => format!("{kind}-{slug}"),
        "ignored-branch-or-tag" if is_odd => "ignored-odd-ref-name".to_owned(),
        other => other.to_owned(),
    })
}

#[test]
fn every_recorded_hook_builds_or_leaves_one_reason() {
    let sensor = sensor("gitea");
    for hook in hooks() {
        let expected: Vec<_> = expected(&hook).into_iter().collect();
        assert_eq!(started(&sensor, &hook), expected, "{}", hook.name);
    }
}

#[test]
fn events_of_a_plain_hook_take_the_form_of_signed_ones_without_the_token() {
    let (plain, signed) = (sensor("webhook"), sensor("gitea"));
    let transforms: Vec<_> = plain["spec"]["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dependency| dependency["transform"]["jq"].as_str().unwrap())
        .collect();
    assert!(transforms.len() > 5 && transforms.iter().all(|one| *one == transforms[0]), "{transforms:?}");
    for name in ["X-Gitea-Event", "X-Github-Event"] {
        for hook in hooks() {
            // Go's canonical form of a header's name.
            let of_kind = hook.headers.iter().find(|(name, _)| *name == "X-GitHub-Event");
            let kind = of_kind.map(|(_, kind)| json!([kind]));
            let header = json!({name: kind, "X-Gitea-Delivery": ["0af76519"], "Authorization": ["Bearer hunter2"], "User-Agent": ["Go"]});
            let made = jq(transforms[0], &json!({"header": header, "body": hook.body}));
            assert!(!made.to_string().contains("hunter2"), "{made}");
            assert_eq!(made["headers"]["User-Agent"], json!(["Go"]));
            assert_eq!(made["body"]["X-GitHub-Delivery"], "0af76519");
            let expected = event_started(&signed, &event(&hook), &hook.name);
            assert_eq!(event_started(&plain, &made, &hook.name), expected, "{}", hook.name);
        }
    }
    let bare = jq(transforms[0], &json!({"header": {}, "body": {"a": 1}}));
    assert_eq!(
        bare["body"],
        json!({"a": 1, "X-GitHub-Event": "", "X-GitHub-Delivery": ""}),
        "no header, no kind"
    );
}

/// What jq makes of a value. Argo Events has gojq, which reads the same language.
fn jq(program: &str, value: &Value) -> Value {
    let mut jq = Command::new("jq");
    jq.args(["-c", program]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut jq = jq.spawn().unwrap();
    jq.stdin.take().unwrap().write_all(value.to_string().as_bytes()).unwrap();
    let output = jq.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}");
    serde_json::from_slice(&output.stdout).unwrap()
}
