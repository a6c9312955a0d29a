//! The uses of each Secret, from templates (as far as their parameters have defaults) and from the user's targets.

use serde_json::Value;

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
    /// The Secret signs commits.
    Signing,
}

impl Job {
    pub(super) fn purpose(self) -> Use {
        match self {
            Self::Reads | Self::Writes => Use::Git,
            Self::Registry => Use::Registry,
            Self::Build => Use::Build,
            Self::Signing => Use::Signing,
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
    let registries = targets.images.iter().filter_map(|image| image.secret.as_ref());
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
    let templates = spec["templates"].as_array().into_iter().flatten();
    templates
        .flat_map(|template| {
            let mut found = Vec::new();
            let reader = SpecReader { spec, template };
            reader.step(&template["plugin"][crate::templates::OURS], &mut found);
            found
        })
        .collect()
}

/// Reads one template, with the defaults of its parameters.
struct SpecReader<'a> {
    spec: &'a Value,
    template: &'a Value,
}

impl SpecReader<'_> {
    fn step(&self, step: &Value, found: &mut Vec<SecretUse>) {
        for inner in step["steps"].as_array().into_iter().flatten() {
            self.step(inner, found);
        }
        let (build, update) = (&step["build"], &step["update-manifest"]);
        let mut add = |secret: &Value, job, repo: &Value| {
            if let Some(secret) = self.secret(secret) {
                found.push(SecretUse { secret, job, repo: self.text(repo) });
            }
        };
        let nowhere = Value::Null;
        let named = build["contexts"].as_object().into_iter().flat_map(|contexts| contexts.values());
        for context in std::iter::once(&build["context"]).chain(named) {
            add(&context["secret"], Job::Reads, &context["repo"]);
            let submodules = context["submodule-secrets"].as_object().into_iter().flatten();
            submodules.for_each(|(server, secret)| {
                let scheme = if server.contains("://") { "" } else { "https://" };
                add(secret, Job::Reads, &format!("{scheme}{server}/any").into());
            });
        }
        for secret in build["secrets"].as_array().into_iter().flatten() {
            add(&secret["secret"], Job::Build, &nowhere);
        }
        add(&build["registry-secret"], Job::Registry, &nowhere);
        add(&update["secret"], Job::Writes, &update["repo"]);
        add(&update["forge"]["secret"], Job::Writes, &update["forge"]["url"]);
        add(&update["source"]["secret"], Job::Reads, &update["source"]["repo"]);
        add(&update["signing-key"], Job::Signing, &nowhere);
    }

    /// Reads `{name, key}`, or the name alone.
    fn secret(&self, value: &Value) -> Option<String> {
        self.text(value.get("name").unwrap_or(value)).filter(|name| !name.is_empty())
    }

    /// A text, or the default of its only parameter. A text of several parts is not known before the workflow runs.
    fn text(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        let Some(inner) = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}")) else {
            return (!text.contains("{{")).then(|| text.to_owned());
        };
        let inner = inner.trim();
        let (parameters, name) = match inner.strip_prefix("workflow.parameters.") {
            Some(name) => (&self.spec["arguments"]["parameters"], name),
            None => (&self.template["inputs"]["parameters"], inner.strip_prefix("inputs.parameters.")?),
        };
        let found = parameters.as_array()?.iter().find(|parameter| parameter["name"] == name)?;
        let value = found.get("value").or_else(|| found.get("default"))?.as_str()?;
        (!value.is_empty() && !value.contains("{{")).then(|| value.to_owned())
    }
}
