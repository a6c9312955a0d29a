//! `poll`: its meaning, and the bodies that are refused.

use serde_json::{Value, json};

use super::{parsed, refusals, yaml};
use crate::selection::{GitRef, Rule};
use crate::step::{Poll, SecretKey, SecretRef, Step, parse};

/// A body with one service, changed by `fields` (a flow map without its braces). `null` removes a field.
fn one(fields: &str) -> Value {
    let mut service = json!({
        "name": "api", "repo": "https://git.example/shop/api.git", "branches": "main", "image": "reg.example/shop/api",
        "workflow": {"template": "build"},
    });
    for (key, value) in yaml(&format!("{{{fields}}}")).as_object().unwrap() {
        match value {
            Value::Null => drop(service.as_object_mut().unwrap().remove(key)),
            value => service[key] = value.clone(),
        }
    }
    json!({"poll": {"services": [service]}})
}

fn poll(body: &Value) -> Poll {
    match super::parse(body).unwrap() {
        Step::Poll(poll) => *poll,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_service_has_patterns_an_image_and_a_workflow() {
    let poll = poll(&one(
        "secret: git, tags: ['v.*', \"\"], paths: 'a,b/**', insecure: 'true', registry-secret: reg, \
         workflow: {template: build, parameters: {image: x, y: ''}}",
    ));
    let service = &poll.services[0];
    assert!(poll.enabled && service.insecure);
    assert_eq!(service.secret, Some(SecretRef { name: "git".into(), key: None }));
    let key = SecretKey { name: "reg".into(), key: ".dockerconfigjson".into() };
    assert_eq!(service.registry_secret, Some(key));
    assert_eq!(service.image.to_string(), "reg.example/shop/api");
    assert_eq!(service.workflow.parameters.len(), 2);
    let Rule { refs, paths } = &service.rule;
    assert!(!paths.is_empty() && refs.patterns() == 2);
    assert!(service.rule.refuses(&GitRef::Tag("v1".into())).is_none());
    assert!(service.rule.refuses(&GitRef::Branch("mainline".into())).is_some());
    assert!(parsed("poll: {enabled: false}").is_err(), "services are always named");
}

#[test]
fn what_is_no_poll_is_refused() {
    let rows = [
        "name: Api",
        "name: null",
        "name: '{{x}}'",
        "repo: git@git.example:shop/api.git",
        "repo: https://u:p@git.example/shop/api.git",
        "branches: null",
        "branches: ''",
        "branches: ','",
        "branches: '('",
        "tags: ['[z-a]']",
        "paths: ['../x']",
        "image: reg.example/shop/api:1",
        "image: null",
        "workflow: null",
        "workflow: {parameters: {}}",
        "workflow: {template: '$(x)'}",
        "registry-secret: 'a b'",
        "path: x",
    ];
    insta::assert_snapshot!("poll_services", refusals(&rows, one));
    let rows = ["poll: {}", "poll: {services: []}", "poll: {services: x}"];
    insta::assert_snapshot!("poll", refusals(&rows, yaml));
}

#[test]
fn services_have_names_of_their_own_and_not_too_many_patterns() {
    let mut twice = one("");
    let service = twice["poll"]["services"][0].clone();
    twice["poll"]["services"] = json!([service, service]);
    let problem = super::parse(&twice).unwrap_err().to_string();
    assert!(problem.starts_with("poll.services[1].name: `api` is used by another service"), "{problem}");
    let many = |count: usize, each: usize| {
        let services = (0..count).map(|nth| {
            let mut service = service.clone();
            service["name"] = format!("s{nth}").into();
            service["branches"] = vec!["x"; each].join(",").into();
            service
        });
        json!({"poll": {"services": services.collect::<Vec<_>>()}})
    };
    // Not for the corpus: they are large.
    assert!(parse(&many(1000, 2)).is_ok());
    let problem = parse(&many(1000, 3)).unwrap_err().to_string();
    assert!(problem.contains("more than 2000 patterns"), "{problem}");
    let problem = parse(&many(1001, 1)).unwrap_err().to_string();
    assert!(problem.contains("1001 items"), "{problem}");
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    a_service_has_patterns_an_image_and_a_workflow,
    what_is_no_poll_is_refused,
    services_have_names_of_their_own_and_not_too_many_patterns,
];
