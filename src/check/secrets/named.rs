//! The uses of each Secret, from templates (as far as their parameters have defaults) and from the user's targets.

use serde_json::Value;

use super::spec_steps::SpecStep;
use crate::check::Targets;
use crate::engine::binding::Use;

/// What a step does with a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Job {
    /// The Secret reads sources.
    Reads,
    /// The Secret writes a GitOps repository.
    Writes,
    /// The Secret logs in to registries.
    Registry,
    /// A `RUN` reads the Secret, or uses it as an ssh key.
    Build,
    /// The Secret signs commits or images, or verifies images.
    Signing,
    /// The Secret has the address of a chat or a webhook, or a secret of it.
    Chat,
}

impl Job {
    pub(super) fn purpose(self) -> Use {
        match self {
            Self::Reads | Self::Writes => Use::Git,
            Self::Registry => Use::Registry,
            Self::Build => Use::Build,
            Self::Signing => Use::Signing,
            Self::Chat => Use::Chat,
        }
    }
}

/// A Secret and its use, with the repository if it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretUse {
    pub(super) secret: String,
    pub(super) job: Job,
    pub(super) repo: Option<String>,
}

/// The Secrets that the user named.
pub(super) fn of_targets(targets: &Targets) -> Vec<SecretUse> {
    let registries = targets.registry_images().filter_map(|image| image.secret.as_ref());
    let registries =
        registries.map(|secret| SecretUse { secret: secret.name.clone(), job: Job::Registry, repo: None });
    let of = |job, repositories: &[super::super::Repository]| {
        let named = |repository: &super::super::Repository| {
            let secret = repository.secret.as_ref()?.name.clone();
            Some(SecretUse { secret, job, repo: Some(repository.repo.to_string()) })
        };
        repositories.iter().filter_map(named).collect::<Vec<_>>()
    };
    registries.chain(of(Job::Reads, &targets.reads)).chain(of(Job::Writes, &targets.writes)).collect()
}

/// The Secrets that the templates of a workflow's spec name.
pub(super) fn of_spec(spec: &Value) -> Vec<SecretUse> {
    let mut found = Vec::new();
    for step in SpecStep::all(spec) {
        of_step(&step, &mut found);
    }
    found
}

fn of_step(step: &SpecStep<'_>, found: &mut Vec<SecretUse>) {
    let mut add = |secret: &Value, job, repo: &Value| {
        if let Some(secret) = step.secret(secret) {
            found.push(SecretUse { secret, job, repo: step.text(repo) });
        }
    };
    let body = step.body;
    of_build(&body["build"], &mut add);
    of_update_manifest(&body["update-manifest"], &mut add);
    of_commit_status(&body["commit-status"], &mut add);
    of_sync(step, &mut add);
    of_reads(body, &mut add);
    of_registries(body, &mut add);
    for key in [&body["sign"]["key"], &body["sign"]["passphrase"], &body["verify"]["key"]] {
        add(key, Job::Signing, &Value::Null);
    }
    for key in ["url", "signing-secret", "token"] {
        add(&body["notify"][key], Job::Chat, &Value::Null);
    }
}

fn of_build(build: &Value, add: &mut impl FnMut(&Value, Job, &Value)) {
    let named = build["contexts"].as_object().into_iter().flat_map(|contexts| contexts.values());
    for context in std::iter::once(&build["context"]).chain(named) {
        add(&context["secret"], Job::Reads, &context["repo"]);
        let submodules = context["submodule-secrets"].as_object().into_iter().flatten();
        submodules.for_each(|(server, secret)| {
            let scheme = if server.contains("://") { "" } else { "https://" };
            add(secret, Job::Reads, &format!("{scheme}{server}/any").into());
        });
    }
    for entry in [&build["secrets"], &build["ssh"]].into_iter().filter_map(Value::as_array).flatten() {
        add(&entry["secret"], Job::Build, &Value::Null);
    }
}

fn of_update_manifest(update: &Value, add: &mut impl FnMut(&Value, Job, &Value)) {
    add(&update["secret"], Job::Writes, &update["repo"]);
    add(&update["forge"]["secret"], Job::Writes, &update["forge"]["url"]);
    add(&update["source"]["secret"], Job::Reads, &update["source"]["repo"]);
    add(&update["signing-key"], Job::Signing, &Value::Null);
}

/// A step that may revert also pushes to the repository that it reads.
fn of_sync(step: &SpecStep<'_>, add: &mut impl FnMut(&Value, Job, &Value)) {
    let sync = &step.body["sync"];
    if step.text(&sync["on-degraded"]).is_some_and(|chosen| chosen != "fail") {
        add(&sync["secret"], Job::Writes, &sync["repo"]);
        add(&sync["signing-key"], Job::Signing, &Value::Null);
    }
}

/// The token goes to the forge's API.
fn of_commit_status(status: &Value, add: &mut impl FnMut(&Value, Job, &Value)) {
    let api = &status["forge"]["url"];
    let server = if api.is_string() { api } else { &status["repo"] };
    add(&status["secret"], Job::Writes, server);
}

/// The repositories that the other kinds read.
fn of_reads(step: &Value, add: &mut impl FnMut(&Value, Job, &Value)) {
    let lists = [&step["poll"]["services"], &step["tags"]["delete"]["in-use"]];
    let listed = lists.into_iter().filter_map(Value::as_array).flatten();
    for build in step["cache"]["warm"]["dockerfiles"].as_array().into_iter().flatten() {
        of_build(build, add);
    }
    for read in [&step["select"], &step["sync"]].into_iter().chain(listed) {
        add(&read["secret"], Job::Reads, &read["repo"]);
    }
}

fn of_registries(step: &Value, add: &mut impl FnMut(&Value, Job, &Value)) {
    let services = step["poll"]["services"].as_array().into_iter().flatten();
    let kinds = ["build", "push", "sign", "verify", "tags"].map(|kind| &step[kind]);
    let warm = &step["cache"]["warm"];
    let warmed = warm["dockerfiles"].as_array().into_iter().flatten();
    for user in kinds.into_iter().chain([warm]).chain(warmed).chain(services) {
        add(&user["registry-secret"], Job::Registry, &Value::Null);
        add(&user["source-registry-secret"], Job::Registry, &Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_secrets_of_every_kind_of_step_are_found() {
        let repo = "https://git.example.com/shop/api.git";
        let step = json!({"steps": [
            {"build": {
                "context": {"repo": repo, "secret": "context", "submodule-secrets": {"h": "submodule"}},
                "contexts": {"other": {"repo": repo, "secret": {"name": "named-context"}}},
                "secrets": [{"id": "k", "secret": {"name": "build", "key": "k"}}],
                "ssh": [{"secret": "ssh"}],
                "registry-secret": "build-registry",
            }},
            {"update-manifest": {
                "repo": repo, "secret": "write", "signing-key": {"name": "signing", "key": "k"},
                "forge": {"url": repo, "secret": "forge"}, "source": {"repo": repo, "secret": "source"},
            }},
            {"push": {"registry-secret": "to", "source-registry-secret": "from"}},
            {"sign": {
                "registry-secret": "sign-registry", "key": {"name": "sign", "key": "k"},
                "passphrase": {"name": "passphrase", "key": "k"},
            }},
            {"verify": {"registry-secret": "verify-registry", "key": {"name": "verify", "key": "k"}}},
            {"select": {"repo": repo, "secret": "select"}},
            {"sync": {
                "repo": repo, "secret": "sync", "on-degraded": "revert",
                "signing-key": {"name": "revert-signing", "key": "k"},
            }},
            {"sync": {"repo": repo, "secret": "sync-only", "on-degraded": "fail"}},
            {"commit-status": {"repo": repo, "secret": "status"}},
            {"notify": {"url": "address", "signing-secret": {"name": "hmac", "key": "k"}, "token": "access"}},
            {"cache": {"warm": {
                "dockerfiles": [{
                    "context": {"repo": repo, "secret": "warm"}, "registry-secret": "warmed-registry",
                }],
                "registry-secret": "warm-registry",
            }}},
            {"poll": {"services": [{"repo": repo, "secret": "poll", "registry-secret": "poll-registry"}]}},
            {"tags": {
                "registry-secret": "tags-registry", "delete": {"in-use": [{"repo": repo, "secret": "in-use"}]},
            }},
        ]});
        let found = of_spec(&json!({"templates": [{"plugin": {"buildkit": step}}]}));
        let of = |job| -> Vec<_> {
            found.iter().filter(|named| named.job == job).map(|named| named.secret.as_str()).collect()
        };
        assert_eq!(
            of(Job::Reads),
            [
                "context",
                "submodule",
                "named-context",
                "source",
                "select",
                "sync",
                "sync-only",
                "warm",
                "poll",
                "in-use"
            ]
        );
        assert_eq!(of(Job::Writes), ["write", "forge", "sync", "status"]);
        assert_eq!(of(Job::Build), ["build", "ssh"]);
        assert_eq!(
            of(Job::Registry),
            [
                "build-registry",
                "to",
                "from",
                "sign-registry",
                "verify-registry",
                "warm-registry",
                "warmed-registry",
                "poll-registry",
                "tags-registry"
            ]
        );
        assert_eq!(of(Job::Signing), ["signing", "sign", "passphrase", "verify", "revert-signing"]);
        assert_eq!(of(Job::Chat), ["address", "hmac", "access"]);
    }
}
