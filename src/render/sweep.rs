//! The CronWorkflows: the sweep behind the hook, and the pull mode.

use serde_json::{Value, json};

use super::filters::EventKind;
use super::load::chunks;
use super::select::{self, patterns, without_empty, workflow_of, workflow_spec};
use super::{RenderError, metadata, workflow};
use crate::catalogue::{Catalogue, Service};

const OUTPUTS: &[&str] = &["submitted", "skipped", "failed"];

/// The CronWorkflows of a catalogue, each with the name of its file.
pub(super) fn of(catalogue: &Catalogue) -> Result<Vec<(String, Value)>, RenderError> {
    let mut hooked = Vec::new();
    for repository in catalogue.repositories() {
        let decides = select::decides_itself(&repository, EventKind::Branch);
        let pushed = repository.pushed().into_iter().filter(|service| select::has_refs(service));
        hooked.extend(pushed.map(|service| (service.name.clone(), entry(service, decides))));
    }
    hooked.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut objects = cron(catalogue, "sweep", &catalogue.sweep, hooked)?;
    for (schedule, services) in catalogue.pulled() {
        let entries = services.into_iter().map(|service| (service.name.clone(), entry(service, false)));
        let name = format!("pull-{}", schedule_slug(schedule));
        objects.extend(cron(catalogue, &name, schedule, entries.collect())?);
    }
    Ok(objects)
}

/// A schedule as a part of a name, so that a further schedule renames no other.
fn schedule_slug(schedule: &str) -> String {
    let hash = hex::encode(<sha1::Sha1 as sha1::Digest>::digest(schedule));
    hash[..6].to_owned()
}

/// The CronWorkflows of some services: as many as their size needs.
fn cron(
    catalogue: &Catalogue,
    name: &str,
    schedule: &str,
    services: Vec<(String, Value)>,
) -> Result<Vec<(String, Value)>, RenderError> {
    let entries = services.into_iter().map(|(_, entry)| entry);
    let chunks = chunks(entries, usize::MAX)?;
    Ok(chunks
        .into_iter()
        .enumerate()
        .map(|(n, chunk)| {
            let name = numbered(name, n);
            let object = object(catalogue, &format!("{}-{name}", catalogue.name), schedule, chunk);
            (name, object)
        })
        .collect())
}

/// The name of one of several objects.
pub(super) fn numbered(name: &str, n: usize) -> String {
    if n == 0 { name.to_owned() } else { format!("{name}-{}", n + 1) }
}

fn object(catalogue: &Catalogue, name: &str, schedule: &str, services: Vec<Value>) -> Value {
    let spec = workflow_spec("poll", &json!({"poll": {"services": services}}), OUTPUTS);
    cron_workflow(catalogue, name, schedule, &spec)
}

/// A CronWorkflow, one run of which is there at a time.
pub(super) fn cron_workflow(catalogue: &Catalogue, name: &str, schedule: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": metadata(catalogue, name),
        "spec": {
            "schedules": [schedule],
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 60,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 1,
            "workflowSpec": spec,
        },
    })
}

/// A service in the list of `poll`. If its template decides by itself, a Workflow of a Sensor has paths, and so has this one.
fn entry(service: &Service, decides: bool) -> Value {
    let parameters = match decides {
        true => workflow::deciding_parameters(service, &service.build),
        false => workflow::parameters(service, &service.build),
    };
    let mut entry = json!({
        "name": service.name,
        "repo": service.repo.to_string(),
        "branches": patterns(&service.branches),
        "tags": patterns(&service.tags),
        "paths": service.paths,
        "paths-ignore": service.paths_ignore,
        "image": service.image,
        "workflow": workflow_of(&parameters, &service.build),
    });
    if service.insecure {
        entry["insecure"] = json!(true);
    }
    let secrets = [("secret", &service.git_secret), ("registry-secret", &service.registry_secret)];
    for (field, secret) in secrets {
        if let Some(secret) = secret {
            entry[field] = json!(secret);
        }
    }
    without_empty(entry)
}
