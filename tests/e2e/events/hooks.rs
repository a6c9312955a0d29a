//! What the EventSource accepts, and what the Sensor makes of the hooks in tests/hooks.

use std::time::Duration;

use reqwest::StatusCode;
use ring::hmac;
use serde_json::{Value, json};

use super::site::{EVENT_SOURCE, Events, events};
use super::{ignored, parameter, sensor_log, workflows_of};
use crate::cluster::{PATIENCE, eventually, kubectl};
use crate::support::hooks::{Hook, hooks};
use crate::support::net::{client, unique, until};
use crate::workflow::BUILDS;

/// The id of every delivery here.
const DELIVERY: &str = "f75e5e69-07a8-4dc0-92a1-5ee8f0542a32";

/// A post to the EventSource.
#[derive(Clone)]
pub(crate) struct Post<'a> {
    event: &'a str,
    content_type: &'a str,
    body: Vec<u8>,
    signature: Option<String>,
}

impl Post<'_> {
    /// As Gitea sends it.
    pub(crate) fn signed<'a>(events: &Events, event: &'a str, body: &Value) -> Post<'a> {
        let body = body.to_string().into_bytes();
        let signature = Some(signature(&events.secret, &body));
        Post { event, content_type: "application/json", body, signature }
    }

    async fn send(self) -> (StatusCode, String) {
        let answer = async || self.clone().try_send().await;
        // After the API server was away, the Service is without an endpoint for a moment.
        until(|| "an answer of the EventSource".to_owned(), PATIENCE, answer).await
    }

    /// The answer, if there was one.
    pub(crate) async fn try_send(self) -> Option<(StatusCode, String)> {
        let request = client().post(EVENT_SOURCE).header("content-type", self.content_type);
        let request = request.header("x-github-event", self.event).header("x-github-delivery", DELIVERY);
        let request = request.body(self.body);
        let signed = self.signature.into_iter().fold(request, |r, s| r.header("x-hub-signature-256", s));
        let response = signed.timeout(Duration::from_secs(10)).send().await.ok()?;
        Some((response.status(), response.text().await.ok()?))
    }
}

pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// A push to `main` of a repository that does not exist.
fn push(full_name: &str) -> Value {
    push_of(full_name, "0123456789abcdef0123456789abcdef01234567")
}

/// A push of one commit to `main`.
pub(crate) fn push_of(full_name: &str, commit: &str) -> Value {
    json!({
        "ref": "refs/heads/main", "before": commit.replace('0', "1"), "after": commit, "head_commit": {"id": commit},
        "repository": {"full_name": full_name, "name": full_name.rsplit('/').next()}, "sender": {"login": "somebody"},
    })
}

#[tokio::test]
async fn only_signed_json_within_the_limit_is_accepted() {
    let events = events().await;
    let repository = unique(&format!("{}/refused", events.organisation));
    let post = || Post::signed(events, "push", &push(&repository));
    let padded = |bytes: usize| {
        let mut body = push(&repository);
        body["padding"] = json!("x".repeat(bytes));
        Post::signed(events, "push", &body)
    };
    let wrong = signature("another", &post().body);
    let refused = [
        ("missing signature", Post { signature: None, ..post() }),
        ("signature check failed", Post { signature: Some(wrong), ..post() }),
        ("signature check failed", Post { signature: Some("sha256=".to_owned()), ..post() }),
        ("", Post { content_type: "application/x-www-form-urlencoded", ..post() }),
        ("", Post { content_type: "text/plain", ..post() }),
        (
            "",
            Post {
                signature: Some(signature(&events.secret, b"no json")),
                body: b"no json".to_vec(),
                ..post()
            },
        ),
        ("too large", padded(5 << 20)),
    ];
    for (why, post) in refused {
        let (status, answer) = post.send().await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{why}: {answer}");
        assert!(answer.contains(why), "{why}: {answer}");
    }
    // Events are kept in order: what came before the last one was seen by the Sensor when that is there.
    assert_eq!(padded(3 << 20).send().await.0, StatusCode::OK, "a body of 3 MiB");
    assert_eq!(built(&repository, 1).len(), 1);
    forget(&repository);
}

#[tokio::test]
async fn an_event_that_arrives_twice_starts_one_workflow() {
    let events = events().await;
    let [first, marker] = ["twice", "marker"].map(|name| unique(&format!("{}/{name}", events.organisation)));
    let send = async |name: &str| Post::signed(events, "push", &push(name)).send().await.0;
    assert_eq!(send(&first).await, StatusCode::OK);
    let uid = built(&first, 1)[0]["metadata"]["uid"].clone();
    assert_eq!(send(&first).await, StatusCode::OK);
    assert_eq!(send(&marker).await, StatusCode::OK);
    built(&marker, 1);
    let still = built(&first, 1);
    assert_eq!((still.len(), &still[0]["metadata"]["uid"]), (1, &uid));
    forget(&first);
    forget(&marker);
}

/// The real Sensor must agree with what tests/it/events finds with the filters alone.
#[tokio::test]
async fn every_recorded_hook_starts_its_trigger_and_no_other() {
    let events = events().await;
    let own = crate::install::site().await.ops.clone();
    for hook in hooks() {
        let name = name_of(events, &hook);
        let (event, body) = of_repository(&hook, &name, &own);
        let (status, answer) = Post::signed(events, &event, &body).send().await;
        assert_eq!(status, StatusCode::OK, "{}: {answer}", hook.name);
    }
    for hook in hooks() {
        let name = name_of(events, &hook);
        match hook.trigger.as_deref() {
            Some(reason) if reason.starts_with("ignored-") => ignored(reason, &name),
            Some(trigger) => {
                check(trigger, &built(&name, 1)[0], &name);
                forget(&name);
            }
            None => (),
        }
        let count =
            |line: &str| line.contains("\"dependencyName\":") && line.contains(&format!("{name}\\\""));
        let ignored = usize::from(hook.trigger.is_some_and(|t| t.starts_with("ignored-")));
        assert_eq!(sensor_log().lines().filter(|l| count(l)).count(), ignored, "{name}");
    }
    assert!(!sensor_log().contains("discarded due to filtering error"), "{}", sensor_log());
}

/// A repository for each hook: of the organisation, if it was of the organisation `shop`. Another run on this cluster uses other ones.
fn name_of(events: &Events, hook: &Hook) -> String {
    let short = format!("{}-{:x}", hook.name, std::process::id());
    let owner = hook.body["repository"]["full_name"].as_str().and_then(|name| name.split('/').next());
    match owner {
        Some("shop") | None => format!("{}/{short}", events.organisation),
        Some(other) => format!("{other}/{short}"),
    }
}

/// The event and the body of a hook, of another repository and with this cluster's own account.
fn of_repository(hook: &Hook, name: &str, own: &str) -> (String, Value) {
    let old = hook.body["repository"]["full_name"].as_str().unwrap_or("shop/api");
    let body = hook.body.to_string().replace(&format!("\"{old}\""), &format!("\"{name}\""));
    let body = body
        .replace("\"deploy-bot\"", &format!("\"{own}\""))
        .replace("\"Deploy-Bot\"", &format!("\"{own}\""));
    let mut body: Value = serde_json::from_str(&body).unwrap();
    if body["repository"].is_object() {
        // Nothing is called by it.
        body["repository"]["name"] = json!("../elsewhere");
    }
    let event = hook.headers.iter().find(|(name, _)| name == "X-GitHub-Event").unwrap();
    (event.1.clone(), body)
}

/// What a trigger must have written into its Workflow.
fn check(trigger: &str, workflow: &Value, full_name: &str) {
    let name = workflow["metadata"]["name"].as_str().unwrap();
    let service = workflow["metadata"]["labels"]["argo-buildkit.io/service"].as_str().unwrap();
    let revision = parameter(workflow, "revision");
    assert!(
        service.len() <= 36 && name.starts_with(service) && name.ends_with(&revision[..12]),
        "{workflow}"
    );
    assert_eq!(workflow["metadata"]["annotations"]["argo-buildkit.io/delivery"], DELIVERY);
    assert_eq!(parameter(workflow, "repo"), format!("http://10.244.0.1:3000/{full_name}.git"));
    assert_eq!(parameter(workflow, "image"), format!("10.244.0.1:3000/{}", full_name.to_lowercase()));
    let (git_ref, tag) = (parameter(workflow, "git-ref"), parameter(workflow, "image-tag"));
    let template = &workflow["spec"]["workflowTemplateRef"]["name"];
    match trigger {
        "branch" => {
            assert_eq!((template, tag.as_str()), (&json!("ci-cd-buildkit-deploy"), ""));
            assert!(git_ref.starts_with("refs/heads/ma"), "{git_ref}");
            let (_, short) = full_name.rsplit_once('/').unwrap();
            assert_eq!(parameter(workflow, "chart-dir"), format!("charts/{short}"));
        }
        "tag" => {
            assert_eq!(template, "build-push");
            assert_eq!(git_ref, format!("refs/tags/{tag}"));
        }
        _ => {
            assert_eq!(template, "build-push");
            assert!(git_ref.starts_with("refs/pull/") && git_ref.ends_with("/head"), "{git_ref}");
            assert!(tag.starts_with("pr-") && tag.ends_with(&revision[..12]), "{tag}");
        }
    }
}

/// Waits for `count` Workflows of a repository.
fn built(full_name: &str, count: usize) -> Vec<Value> {
    let found = || Some(workflows_of(full_name)).filter(|found| found.len() >= count);
    eventually(|| format!("{count} workflows of {full_name}\n{}", sensor_log()), PATIENCE, found)
}

/// Removes the Workflows of a repository that does not exist.
fn forget(full_name: &str) {
    for workflow in workflows_of(full_name) {
        let name = workflow["metadata"]["name"].as_str().unwrap();
        kubectl(&["delete", "workflow", "-n", BUILDS, name, "--wait=false"]);
    }
}
