//! The Workflows that a Sensor creates. `select` and `poll` submit the same ones under the same names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filters::EventKind;
use crate::catalogue::{Build, Catalogue, Repository, Service};
use crate::selection::{DELIVERY_ANNOTATION, LINE_LABEL, REPOSITORY_LABEL, SERVICE_LABEL};

/// A Workflow that a trigger creates: its beginning, and what an event sets in it.
#[derive(Debug)]
pub(super) struct CreatedWorkflow {
    /// The resource; `metadata.name` is replaced.
    pub(super) resource: Value,
    /// What an event sets: the place in the resource, and a Go template.
    pub(super) set: Vec<(String, String)>,
}

/// A value of an event, as a Go template with sprig.
fn go(kind: EventKind, value: EventValue) -> &'static str {
    match (value, kind) {
        (EventValue::Commit, EventKind::Branch) => "{{ .Input.body.after }}",
        // Of an annotated tag, `after` is the tag's own object.
        (EventValue::Commit, EventKind::Tag) => "{{ .Input.body.head_commit.id }}",
        (EventValue::Commit, EventKind::PullRequest) => "{{ .Input.body.pull_request.head.sha }}",
        (EventValue::Before, EventKind::Branch | EventKind::Tag) => "{{ .Input.body.before }}",
        // Where the branch began, if the forge says it; else the base's head, since when the base may have changed too.
        (EventValue::Before, EventKind::PullRequest) => {
            "{{ default .Input.body.pull_request.base.sha .Input.body.pull_request.merge_base }}"
        }
        (EventValue::Ref, EventKind::Branch | EventKind::Tag) => "{{ .Input.body.ref }}",
        (EventValue::Ref, EventKind::PullRequest) => {
            "refs/pull/{{ .Input.body.pull_request.number | int64 }}/head"
        }
        (EventValue::Tag, EventKind::PullRequest) => {
            "pr-{{ .Input.body.pull_request.number | int64 }}-{{ .Input.body.pull_request.head.sha | trunc 12 }}"
        }
        (EventValue::Tag, EventKind::Branch | EventKind::Tag) => {
            "{{ .Input.body.ref | trimPrefix \"refs/tags/\" }}"
        }
        (EventValue::End, EventKind::Branch) => "{{ .Input.body.after | trunc 12 }}",
        (EventValue::EndOfRef, EventKind::Branch) => {
            "b{{ .Input.body.ref | sha1sum | trunc 6 }}-{{ .Input.body.after | trunc 12 }}"
        }
        (EventValue::End | EventValue::EndOfRef, EventKind::Tag) => {
            "t{{ .Input.body.ref | sha1sum | trunc 6 }}-{{ .Input.body.head_commit.id | trunc 12 }}"
        }
        (EventValue::End | EventValue::EndOfRef, EventKind::PullRequest) => {
            "pr{{ .Input.body.pull_request.number | int64 }}-{{ .Input.body.pull_request.head.sha | trunc 12 }}"
        }
    }
}

/// The id of the hook's delivery, as a Go template: the id of the trace. A parameter must not be empty.
const DELIVERY_ID: &str = "{{ index .Input.body \"X-GitHub-Delivery\" | default \"none\" }}";

/// A value of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventValue {
    Commit,
    Before,
    Ref,
    /// The image's tag.
    Tag,
    /// The end of a Workflow's name.
    End,
    /// The end of the name of a Workflow that decides. It decides about a ref, so a commit that is pushed to two branches has
    /// two of them.
    EndOfRef,
}

/// The name of the WorkflowTemplate that decides about events of a kind. The kind stands before the slug: behind it, `shop/api`
/// and `shop/api-pr` could make one name.
pub(super) fn template_name(repository: &Repository<'_>, kind: EventKind) -> String {
    let kind = if kind == EventKind::PullRequest { "pr" } else { "push" };
    format!("select-{kind}-{}", repository.slug)
}

/// The parameters of a service's Workflow that no event sets.
pub(super) fn parameters(service: &Service, build: &Build) -> BTreeMap<String, String> {
    let mut parameters = build.parameters.clone();
    parameters.insert("repo".to_owned(), service.repo.to_string());
    parameters
}

/// The parameters of a Workflow whose template decides by itself, that no event sets.
pub(super) fn deciding_parameters(service: &Service, build: &Build) -> BTreeMap<String, String> {
    let mut parameters = parameters(service, build);
    for (name, paths) in [("paths", &service.paths), ("paths-ignore", &service.paths_ignore)] {
        if !paths.is_empty() {
            parameters.insert(name.to_owned(), json!(paths).to_string());
        }
    }
    parameters
}

/// The Workflow of a service whose template decides by itself.
pub(super) fn of_service(
    catalogue: &Catalogue,
    service: &Service,
    build: &Build,
    kind: EventKind,
) -> CreatedWorkflow {
    let fixed = deciding_parameters(service, build);
    let mut set =
        vec![("before", EventValue::Before), ("git-ref", EventValue::Ref), ("revision", EventValue::Commit)];
    if kind != EventKind::Branch {
        set.push(("image-tag", EventValue::Tag));
    }
    let line = line(kind, &fixed);
    let labels = json!({SERVICE_LABEL: service.name, LINE_LABEL: ""});
    let mut of_service =
        created(catalogue, (&service.name, &build.template), labels, (kind, EventValue::End), (fixed, &set));
    of_service.set.insert(1, (format!("metadata.labels.{}", LINE_LABEL.replace('.', "\\.")), line));
    of_service
}

/// The line of a service's Workflow, as [`crate::selection::line`] computes it.
fn line(kind: EventKind, parameters: &BTreeMap<String, String>) -> String {
    let (ref_begins, git_ref, ref_ends) = match kind {
        EventKind::Branch | EventKind::Tag => ("", ".Input.body.ref", ""),
        EventKind::PullRequest => ("refs/pull/", "(.Input.body.pull_request.number | int64)", "/head"),
    };
    // `print` puts no space beside a string. Of JSON's strings, Go reads these.
    let of = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    let before = json!(format!("{} {ref_begins}", of("repo")));
    let after = json!(format!("{ref_ends} {}", of("image")));
    format!("{{{{ print {before} {git_ref} {after} | sha1sum }}}}")
}

/// The Workflow that decides about an event for the services of a repository.
pub(super) fn of_repository(
    catalogue: &Catalogue,
    repository: &Repository<'_>,
    kind: EventKind,
) -> CreatedWorkflow {
    let set = [("after", EventValue::Commit), ("before", EventValue::Before), ("ref", EventValue::Ref)];
    let template = template_name(repository, kind);
    let name = format!("select-{}", repository.slug);
    let labels = json!({REPOSITORY_LABEL: repository.slug});
    created(catalogue, (&name, &template), labels, (kind, EventValue::EndOfRef), (BTreeMap::new(), &set))
}

fn created(
    catalogue: &Catalogue,
    (name, template): (&str, &str),
    labels: Value,
    (kind, end): (EventKind, EventValue),
    (fixed, set): (BTreeMap<String, String>, &[(&str, EventValue)]),
) -> CreatedWorkflow {
    let mut all = fixed;
    all.extend(set.iter().map(|(name, _)| ((*name).to_owned(), String::new())));
    let place = |parameter: &str| all.keys().position(|name| name == parameter).unwrap_or_default();
    let mut places = vec![
        ("metadata.name".to_owned(), format!("{name}-{}", go(kind, end))),
        (format!("metadata.annotations.{}", DELIVERY_ANNOTATION.replace('.', "\\.")), DELIVERY_ID.to_owned()),
    ];
    places.extend(set.iter().map(|(parameter, value)| {
        (format!("spec.arguments.parameters.{}.value", place(parameter)), go(kind, *value).to_owned())
    }));
    let parameters: Vec<_> = all.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let metadata = json!({"name": name, "namespace": catalogue.namespace, "labels": labels});
    let resource = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata,
        "spec": {"workflowTemplateRef": {"name": template}, "arguments": {"parameters": parameters}},
    });
    CreatedWorkflow { resource, set: places }
}
