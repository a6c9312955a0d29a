//! Catalogues and their mistakes.
#![expect(clippy::unwrap_used, reason = "tests")]

mod good;
mod mistakes;
mod patterns;
mod random;

use serde_json::{Value, json};

use super::{Catalogue, CatalogueProblem, KnownTemplates, read};

/// The number of the example in [`bodies`].
pub(crate) const GOOD: usize = 0;

const EXAMPLE: &str = include_str!("../../examples/catalogue/services.yaml");

/// A catalogue with one service.
pub(crate) fn small(service: &Value) -> Value {
    let mut all = json!({
        "name": "api",
        "repo": "https://git.example.com/shop/api.git",
        "image": "registry.example.com/shop/api",
    });
    for (key, value) in service.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({"namespace": "builds", "hook": {"secret": "hook"}, "services": [all]})
}

/// A service with every field.
fn whole() -> Value {
    json!({
        "branches": ["main", "release/.*"],
        "tags": [r"v\d+"],
        "pull-requests": {"template": "build-push"},
        "subdir": "services/api",
        "paths": ["services/api/**", "lib/*.txt"],
        "paths-ignore": ["**/*.md"],
        "dockerfile": "build/Dockerfile",
        "target": "runtime",
        "insecure": true,
        "platforms": ["linux/amd64", "linux/arm64"],
        "build-args": {"A": "1", "B": ""},
        "cache": {"registry": "cache.example.com:5000/cache", "name": "api", "insecure": false, "when": "branch"},
        "targets": [{"file": "values.yaml", "helm": {"image.digest": "$(build.digest)"}}],
        "gitops": {"repo": "https://git.example.com/ops/gitops.git", "branch": "main", "secret": "git"},
        "git-secret": "git",
        "registry-secret": "registry",
        "template": "ci-cd-buildkit-deploy",
        "parameters": {"timeout": "10m", "message": "Deploy $(build.digest)"},
    })
}

/// Good catalogues, of which every field stands in one.
pub(crate) fn bodies() -> Vec<Value> {
    let example: Value = serde_saphyr::from_str(EXAMPLE).unwrap();
    let mut hooked = small(&whole());
    hooked["name"] = json!("shop");
    hooked["sweep"] = json!("0 * * * *");
    hooked["hook"] = json!({
        "source": "webhook", "endpoint": "/push", "port": 12001, "bots": ["deploy-bot"],
        "secret": {"name": "hook", "key": "token"}, "service-account": "sensor",
    });
    let mut pulled = small(&json!({"pull": {"schedule": "@hourly"}}));
    pulled.as_object_mut().unwrap().remove("hook");
    let mut shared = small(&json!({}));
    shared["hook"] = json!({"event-source": "gitea"});
    vec![example, hooked, pulled, small(&json!({"pull": true})), shared]
}

fn problems(body: &Value) -> Vec<CatalogueProblem> {
    read(body, &KnownTemplates::bundled()).err().unwrap_or_default()
}

fn catalogue(body: &Value) -> Catalogue {
    read(body, &KnownTemplates::bundled()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}
