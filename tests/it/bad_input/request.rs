//! Requests that are refused before any server is called. This plugin has no servers.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::refusals;
use crate::support::net::client;
use crate::support::plugin::{Setup, TOKEN, Workflow};
use crate::support::shop::{merge, template};

fn build(more: Value) -> Value {
    let mut build =
        json!({"context": "https://git.example/shop/api.git", "tags": "registry.example/shop/api:1"});
    merge(&mut build, more);
    json!({"build": build})
}

#[tokio::test]
async fn a_mistake_in_the_step_names_its_field() {
    let plugin = Setup::new("unix:///nowhere").start();
    let login = "https://me:hunter2@git.example/shop/api.git";
    let rows = vec![
        ("unknown kind", json!({"updat-manifest": {}})),
        ("another tool's kind", json!({"kaniko": {}})),
        ("no kind", json!({})),
        ("two kinds", json!({"build": {}, "update-manifest": {}})),
        ("unknown field", build(json!({"buildArgs": {"A": "b"}}))),
        (
            "unknown field within",
            build(json!({"cache": {"to": {"ref": "registry.example/c", "mod": "max"}}})),
        ),
        ("missing field", build(json!({"context": null}))),
        ("wrong type", build(json!({"build-args": ["A=b"]}))),
        ("wrong type in a string", build(json!({"push": "perhaps"}))),
        ("number for a string", build(json!({"build-args": {"VERSION": 1.1}}))),
        ("no tag", build(json!({"tags": []}))),
        ("empty tag", build(json!({"tags": ["registry.example/shop/api:1", ""]}))),
        ("invalid reference", build(json!({"tags": "registry.example/Shop/API:1"}))),
        ("digest as a tag", build(json!({"tags": format!("registry.example/a@sha256:{}", "0".repeat(64))}))),
        ("password in the URL", build(json!({"context": login}))),
        ("password in another URL", build(json!({"contexts": {"lib": {"repo": login}}}))),
        ("control character", build(json!({"build-args": {"VERSION": "1\u{1b}[31m"}}))),
        ("line break in a tag", build(json!({"tags": "registry.example/a\n:1"}))),
        ("left-over expression", build(json!({"tags": "registry.example/a:{{inputs.parameters.tagg}}"}))),
        ("value for a secret", build(json!({"registry-secret": {"name": "r", "password": "hunter2"}}))),
        ("path that leaves", build(json!({"dockerfile": "../Dockerfile"}))),
        ("steps in steps", json!({"steps": [{"steps": []}]})),
        ("unknown output", json!({"steps": [build(json!({})), build(json!({"target": "$(biuld.digest)"}))]})),
    ];
    let said = refusals(&plugin, rows).await;
    assert!(!said.contains("hunter2") && !plugin.log().contains("hunter2"), "{said}");
    insta::assert_snapshot!(said, @r#"
    unknown kind
        unknown step kind "updat-manifest" (did you mean `update-manifest`?); known: `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`
    another tool's kind
        unknown step kind "kaniko"; known: `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`
    no kind
        no step kind is named; write one of `build`, `update-manifest`, `push`, `sign`, `verify`, `supersede`, `select`, `poll`, `tags`, `cache`, `sync`, `commit-status`, `notify`, `steps`
    two kinds
        several step kinds in one place, `build`, `update-manifest`; write one, or a list under `steps`
    unknown field
        build.buildArgs: unknown field (did you mean `build-args`?); known: `context`, `dockerfile`, `dockerfile-inline`, `target`, `platforms`, `build-args`, `secrets`, `ssh`, `contexts`, `tags`, `push`, `registry-secret`, `attach-log`, `attach-report`, `labels`, `annotations`, `cache`, `no-cache`, `network`, `entitlements`, `extra-hosts`, `shm-size`, `ulimits`, `cgroup-parent`, `compression`, `media-types`, `source-date-epoch`, `rewrite-timestamp`, `attest`, `git-labels`, `skip-if-exists`
    unknown field within
        build.cache.to.mod: unknown field (did you mean `mode`?); known: `ref`, `mode`, `ignore-error`, `insecure`, `when`
    missing field
        build.context: is missing
    wrong type
        build.build-args: expected a map, got a list
    wrong type in a string
        build.push: expected true or false, got "perhaps"
    number for a string
        build.build-args.VERSION: expected a string, got the number 1.1; write it in quotes
    no tag
        build.tags: is missing; a push needs at least one (or set `push: false`)
    empty tag
        build.tags[1]: is empty
    invalid reference
        build.tags[0]: `registry.example/Shop/API:1` is not an image name: its repository must be lower-case
    digest as a tag
        build.tags[0]: has a digest, which follows from what is pushed; write a tag
    password in the URL
        build.context: a repository URL must not contain a user name or password: give the login as a secret reference (`secret: {name, key}`) and leave it out of the URL
    password in another URL
        build.contexts.lib.repo: a repository URL must not contain a user name or password: give the login as a secret reference (`secret: {name, key}`) and leave it out of the URL
    control character
        build.build-args.VERSION: holds a control character (U+001B), which is not allowed here
    line break in a tag
        build.tags[0]: holds a control character (U+000A), which is not allowed here
    left-over expression
        build.tags: Argo did not substitute "{{inputs.parameters.tagg}}": no such parameter here
    value for a secret
        build.registry-secret.password: unknown field; known: `name`, `key`
    path that leaves
        build.dockerfile: `..` would leave the directory
    steps in steps
        steps[0].steps: `steps` cannot be nested; write its entries into the one list
    unknown output
        steps[1].build.target: `$(biuld.digest)`: no earlier entry is named `biuld` (did you mean `build`?); earlier: `build`
    "#);
}

#[tokio::test]
async fn what_is_no_request_is_neither_404_nor_5xx() {
    let plugin = Setup::new("unix:///nowhere").start();
    let whole = Workflow::new().request(&template(json!({"biuld": {}}))).to_string();
    let large = format!("{whole}{}", " ".repeat(5 << 20));
    let (right, wrong) = (Some(TOKEN), Some("0123456789abcdefghijklmnopqrstuX"));
    let rows = [
        ("as it should be", right, whole.clone(), StatusCode::OK),
        ("no token", None, whole.clone(), StatusCode::UNAUTHORIZED),
        ("wrong token", wrong, whole.clone(), StatusCode::FORBIDDEN),
        ("not JSON", right, "{\"workflow\":".to_owned(), StatusCode::BAD_REQUEST),
        ("empty", right, String::new(), StatusCode::BAD_REQUEST),
        ("not UTF-8", right, String::from_utf8_lossy(b"\xff").into_owned(), StatusCode::BAD_REQUEST),
        ("deeply nested", right, "[".repeat(100_000), StatusCode::BAD_REQUEST),
        ("too large", right, large, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (name, token, body, expected) in rows {
        let request = client().post(format!("{}/api/v1/template.execute", plugin.url())).body(body);
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), expected, "{name}");
        assert!(!response.text().await.unwrap().is_empty(), "{name}: says why");
    }
    for path in ["/", "/api/v1/template.execute/x", "/api/v2/template.execute"] {
        let response =
            client().post(format!("{}{path}", plugin.url())).bearer_auth(TOKEN).body("{}").send().await;
        assert_eq!(response.unwrap().status(), StatusCode::OK, "{path}");
    }
}
