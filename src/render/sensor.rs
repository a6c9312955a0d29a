//! The Sensors: one trigger for each repository and kind of event, and triggers that log what is ignored.

use serde_json::{Value, json};

use super::event_source::pod;
use super::filters::{EventKind, FilterWriter, dependency_name};
use super::{RenderError, ignored, metadata, select, size, workflow};
use crate::catalogue::{Catalogue, Hook, Repository};

/// The most repositories of a Sensor.
const REPOSITORIES: usize = 50;

/// The most bytes of a Sensor as JSON. Its pod gets the object in one environment variable, as base64 (argo-events
/// `pkg/reconciler/sensor/resource.go`), and Linux starts no process with one of more than 128 KiB. The controller adds
/// defaults.
const LARGEST: usize = 88 << 10;

/// Attempts after 0, 1, 3, 7, … 127 seconds: an API server may be away for two minutes. Later events wait meanwhile.
const RETRIES: u32 = 8;

/// MiB of memory of a Sensor's pod, and for each trigger: all of them hold a large event at the same time.
const MEMORY: usize = 512;
const MEMORY_EACH: usize = 16;

/// The most Workflows that a trigger creates each second.
const RATE: u32 = 5;

/// The Sensors of a catalogue, with the repositories in the order of their slugs.
pub(super) fn sensors(
    catalogue: &Catalogue,
    hook: &Hook,
    repositories: &[Repository<'_>],
) -> Result<Vec<Value>, RenderError> {
    let pushed: Vec<_> = repositories.iter().filter(|one| !one.pushed().is_empty()).collect();
    let filters = FilterWriter { catalogue, hook };
    let mut sensors = Vec::new();
    let mut rest = pushed.as_slice();
    while !rest.is_empty() {
        let is_first = sensors.is_empty();
        let make = |count: usize| {
            sensor(filters, sensors.len() + 1, &rest[..count], is_first.then_some(pushed.as_slice()))
        };
        let (count, made) = largest(rest.len().min(REPOSITORIES), make);
        if size(&made) > LARGEST {
            let alone = sensor(filters, 1, &rest[..count], None);
            return Err(too_large(size(&made), size(&alone), rest[0], pushed.len()));
        }
        sensors.push(made);
        rest = &rest[count..];
    }
    Ok(sensors)
}

/// Why a Sensor of one repository has `size` bytes. Without the names of all `count` repositories, it has `alone`.
fn too_large(size: usize, alone: usize, repository: &Repository<'_>, count: usize) -> RenderError {
    match alone <= LARGEST {
        true => RenderError::TooManyNames { count, size: size - alone, most: LARGEST },
        false => RenderError::TooLarge {
            repository: repository.full_name.clone(),
            kind: "Sensor",
            size: alone,
            most: LARGEST,
        },
    }
}

/// The Sensor with the most repositories, at most `most` and at least one, that is small enough.
fn largest(most: usize, make: impl Fn(usize) -> Value) -> (usize, Value) {
    let (mut fits, mut too_many) = (1, most + 1);
    let whole = make(most);
    if size(&whole) <= LARGEST {
        return (most, whole);
    }
    while too_many - fits > 1 {
        let count = usize::midpoint(fits, too_many);
        if size(&make(count)) <= LARGEST { fits = count } else { too_many = count }
    }
    (fits, make(fits))
}

/// One Sensor. The first one also logs the repositories that are not among `all`.
fn sensor(
    filters: FilterWriter<'_>,
    number: usize,
    repositories: &[&Repository<'_>],
    all: Option<&[&Repository<'_>]>,
) -> Value {
    let (mut dependencies, mut triggers) = (Vec::new(), Vec::new());
    for repository in repositories {
        for (dependency, trigger) in built(filters, repository) {
            dependencies.push(dependency);
            triggers.push(trigger);
        }
    }
    for (found, trigger) in ignored::of(filters, repositories, all) {
        dependencies.extend(found);
        triggers.push(trigger);
    }
    let mut template = pod(MEMORY + triggers.len() * MEMORY_EACH);
    template["serviceAccountName"] = json!(filters.hook.service_account);
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": metadata(filters.catalogue, &format!("{}-{number}", filters.catalogue.name)),
        "spec": {
            "eventBusName": "default",
            "template": template,
            "dependencies": dependencies,
            "triggers": triggers,
        },
    })
}

/// The dependencies and triggers of a repository.
fn built(filters: FilterWriter<'_>, repository: &Repository<'_>) -> Vec<(Value, Value)> {
    let kinds = [EventKind::Branch, EventKind::Tag, EventKind::PullRequest].into_iter();
    let of_kind = kinds.filter_map(|kind| {
        let services = select::services(repository, kind);
        let created = match (services.as_slice(), select::decides_itself(repository, kind)) {
            ([], _) => return None,
            ([service], true) => {
                let build = if kind == EventKind::PullRequest {
                    service.pull_request.as_ref()?
                } else {
                    &service.build
                };
                workflow::of_service(filters.catalogue, service, build, kind)
            }
            _ => workflow::of_repository(filters.catalogue, repository, kind),
        };
        let dependency = filters.built(kind, repository, &services);
        Some((dependency, trigger(&dependency_name(kind, repository), &created)))
    });
    of_kind.collect()
}

fn trigger(name: &str, created: &workflow::CreatedWorkflow) -> Value {
    let set = created.set.iter().map(
        |(place, template)| json!({"src": {"dependencyName": name, "dataTemplate": template}, "dest": place}),
    );
    json!({
        "atLeastOnce": true,
        // Numbers: as texts they pass every check, and then each event is lost.
        "retryStrategy": {"steps": RETRIES, "duration": "1s", "factor": 2, "jitter": 0},
        "rateLimit": {"unit": "Second", "requestsPerUnit": RATE},
        "template": {
            "name": name,
            "conditions": name,
            "k8s": {
                // A second event of the same commit patches the Workflow with what it is.
                "operation": "patch",
                "source": {"resource": created.resource},
                "parameters": set.collect::<Vec<_>>(),
            },
        },
        // The event is in the log then, and the sweep builds what it asked for.
        "dlqTrigger": {"template": {"name": format!("gave-up-{name}"), "log": {}}, "atLeastOnce": true},
    })
}
