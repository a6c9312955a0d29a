//! The WorkflowTemplates that decide about an event for all services of a repository.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filters::EventKind;
use super::load::{LARGEST, Load, VALUES};
use super::{RenderError, metadata, workflow};
use crate::catalogue::{Build, Catalogue, NamePattern, Repository, Service};

/// The ServiceAccount of Workflows.
pub(super) const ACCOUNT: &str = "buildkit-workflow";

const OUTPUTS: &[&str] = &["selected", "reason", "files", "services", "submitted"];

/// The services of a repository that an event of a kind may build.
pub(super) fn services<'a>(repository: &'a Repository<'_>, kind: EventKind) -> Vec<&'a Service> {
    let takes = |service: &&Service| match kind {
        EventKind::Branch => !service.branches.is_empty(),
        EventKind::Tag => !service.tags.is_empty(),
        EventKind::PullRequest => service.pull_request.is_some(),
    };
    repository.pushed().into_iter().filter(takes).collect()
}

/// Whether a branch or a tag is built. Without any pattern, `select` and `poll` would build every one.
pub(super) fn has_refs(service: &Service) -> bool {
    !service.branches.is_empty() || !service.tags.is_empty()
}

/// Whether the one service of a repository has a template that decides by itself.
pub(super) fn decides_itself(repository: &Repository<'_>, kind: EventKind) -> bool {
    match (repository.pushed().as_slice(), kind) {
        ([service], EventKind::PullRequest) => {
            service.pull_request.as_ref().is_some_and(|build| build.selects)
        }
        ([service], _) => service.build.selects && !is_compared_twice(service),
        _ => false,
    }
}

/// Whether two pushes of one commit may be decided differently: to each branch with what was there before. The name of a
/// service's Workflow has no branch, so the first decision would be the only one.
fn is_compared_twice(service: &Service) -> bool {
    let has_paths = !service.paths.is_empty() || !service.paths_ignore.is_empty();
    let has_one_branch = match service.branches.as_slice() {
        [] => true,
        [only] => only.is_name(),
        _ => false,
    };
    has_paths && !has_one_branch
}

/// The WorkflowTemplates of a repository, each with the name of its file.
pub(super) fn templates(
    catalogue: &Catalogue,
    repository: &Repository<'_>,
) -> Result<Vec<(String, Value)>, RenderError> {
    let kinds = [EventKind::Branch, EventKind::PullRequest].into_iter();
    let kinds = kinds.filter(|kind| {
        let has_any = match kind {
            EventKind::PullRequest => !services(repository, *kind).is_empty(),
            _ => repository.pushed().iter().any(|service| has_refs(service)),
        };
        has_any && !decides_itself(repository, *kind)
    });
    kinds.map(|kind| template(catalogue, repository, kind)).collect()
}

fn template(
    catalogue: &Catalogue,
    repository: &Repository<'_>,
    kind: EventKind,
) -> Result<(String, Value), RenderError> {
    let name = workflow::template_name(repository, kind);
    let entries = match kind {
        EventKind::PullRequest => services(repository, kind),
        _ => repository.pushed().into_iter().filter(|service| has_refs(service)).collect(),
    };
    let entries: Vec<_> = entries.into_iter().filter_map(|service| entry(service, kind)).collect();
    let mut select = json!({
        "repo": repository.url.to_string(),
        "ref": "{{inputs.parameters.ref}}",
        "before": "{{inputs.parameters.before}}",
        "after": "{{inputs.parameters.after}}",
        "services": entries,
    });
    if let Some(secret) = repository.git_secret {
        select["secret"] = json!(secret);
    }
    let inputs = ["ref", "before", "after"].map(|name| json!({"name": name}));
    let mut spec = workflow_spec("select", &json!({"select": select}), OUTPUTS);
    spec["arguments"] = json!({"parameters": inputs});
    spec["templates"][0]["inputs"] = json!({"parameters": inputs});
    let object = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": metadata(catalogue, &name),
        "spec": spec,
    });
    let (load, repository) = (Load::of(&object), &repository.full_name);
    if load.bytes > LARGEST {
        let (repository, size) = (repository.clone(), load.bytes);
        return Err(RenderError::TooLarge { repository, kind: "WorkflowTemplate", size, most: LARGEST });
    }
    if load.values > VALUES {
        let (repository, count) = (repository.clone(), load.values);
        return Err(RenderError::TooManyValues { repository, count, most: VALUES });
    }
    Ok((name, object))
}

/// A service in the list of `select`.
fn entry(service: &Service, kind: EventKind) -> Option<Value> {
    let mut entry = json!({"name": service.name});
    if kind != EventKind::PullRequest {
        entry["branches"] = json!(patterns(&service.branches));
        entry["tags"] = json!(patterns(&service.tags));
    }
    entry["paths"] = json!(service.paths);
    entry["paths-ignore"] = json!(service.paths_ignore);
    let build = if kind == EventKind::PullRequest { service.pull_request.as_ref()? } else { &service.build };
    entry["workflow"] = workflow_of(&workflow::parameters(service, build), build);
    Some(without_empty(entry))
}

/// The field `workflow` of a service: what is submitted. The step sets the repository itself.
pub(super) fn workflow_of(parameters: &BTreeMap<String, String>, build: &Build) -> Value {
    let parameters: serde_json::Map<_, _> = parameters
        .iter()
        .filter(|(name, _)| *name != "repo")
        .map(|(name, value)| (name.clone(), Value::from(value.replace("$(", "$$("))))
        .collect();
    json!({"template": build.template, "parameters": parameters})
}

pub(super) fn patterns(patterns: &[NamePattern]) -> Vec<&str> {
    patterns.iter().map(NamePattern::as_str).collect()
}

/// The map without its empty lists.
pub(super) fn without_empty(mut entry: Value) -> Value {
    if let Value::Object(map) = &mut entry {
        map.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
    }
    entry
}

/// The spec of a Workflow with one step of the plugin.
pub(super) fn workflow_spec(name: &str, step: &Value, outputs: &[&str]) -> Value {
    let outputs =
        outputs.iter().map(|name| json!({"name": name, "valueFrom": {"supplied": {}, "default": ""}}));
    json!({
        "entrypoint": name,
        "serviceAccountName": ACCOUNT,
        "activeDeadlineSeconds": 3600,
        "ttlStrategy": {"secondsAfterSuccess": 86400, "secondsAfterFailure": 604_800},
        "podGC": {"strategy": "OnWorkflowCompletion"},
        "templates": [{
            "name": name,
            "outputs": {"parameters": outputs.collect::<Vec<_>>()},
            "plugin": {"buildkit": step},
        }],
    })
}
