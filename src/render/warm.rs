//! The CronWorkflow that pulls what the services' Dockerfiles read, before a build needs it.

use serde_json::{Value, json};

use super::RenderError;
use super::load::chunks;
use super::select::workflow_spec;
use super::sweep::{cron_workflow, numbered};
use crate::catalogue::{Catalogue, Service};

const OUTPUTS: &[&str] = &["size", "images", "warnings"];

/// The most Dockerfiles of a step, so that one of usual Dockerfiles does not pull more than it may, or longer than its hour.
const DOCKERFILES: usize = 50;

/// The CronWorkflows, each with the name of its file; none if the catalogue has no schedule for them.
pub(super) fn of(catalogue: &Catalogue) -> Result<Vec<(String, Value)>, RenderError> {
    let Some(schedule) = &catalogue.warm else { return Ok(Vec::new()) };
    let mut entries: Vec<_> = catalogue.services.iter().map(entry).collect();
    // Services that differ only in what they deploy have one Dockerfile.
    let mut seen = std::collections::HashSet::new();
    entries.retain(|entry| seen.insert(entry.to_string()));
    let objects = chunks(entries, DOCKERFILES)?.into_iter().enumerate().map(|(n, dockerfiles)| {
        let name = numbered("warm", n);
        let spec = workflow_spec("warm", &json!({"cache": {"warm": {"dockerfiles": dockerfiles}}}), OUTPUTS);
        let object = cron_workflow(catalogue, &format!("{}-{name}", catalogue.name), schedule, &spec);
        (name, object)
    });
    Ok(objects.collect())
}

/// The Dockerfile of a service, on its repository's default branch.
fn entry(service: &Service) -> Value {
    let mut context = json!({"repo": service.repo.to_string()});
    let mut entry = json!({});
    for (name, value) in &service.dockerfile {
        let of = if *name == "subdir" { &mut context } else { &mut entry };
        of[*name] = json!(value);
    }
    if let Some(secret) = &service.git_secret {
        context["secret"] = json!(secret);
    }
    if let Some(secret) = &service.registry_secret {
        entry["registry-secret"] = json!(secret);
    }
    entry["context"] = context;
    entry
}
