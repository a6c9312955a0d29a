//! What is still in the cluster although its catalogue does not have it any more: `kubectl apply` removes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::Finding;
use super::name;
use super::steps::steps;
use crate::render::CATALOGUE_LABEL;

/// The findings about objects of catalogues. `crons` are the CronWorkflows, `templates` the WorkflowTemplates.
pub(super) fn judge(
    namespace: &str,
    sensors: &[Value],
    crons: &[Value],
    templates: &[Value],
) -> Vec<Finding> {
    let mut left: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (catalogue, object, repo) in built(sensors, templates) {
        if !services(crons, catalogue).any(|(_, service)| service["repo"] == *repo) {
            let text = format!("{object} builds {repo}, which no sweep of the catalogue looks at");
            left.entry(catalogue).or_default().insert(text);
        }
    }
    for catalogue in crons.iter().filter_map(catalogue) {
        for (service, crons) in twice(crons, catalogue) {
            let text = format!("{} look at the service {service}", crons.join(" and "));
            left.entry(catalogue).or_default().insert(text);
        }
    }
    left.into_iter().map(|(catalogue, left)| finding(namespace, catalogue, &left)).collect()
}

fn finding(namespace: &str, catalogue: &str, left: &BTreeSet<String>) -> Finding {
    let more = left.len().saturating_sub(3);
    let mut shown: Vec<_> = left.iter().take(3).cloned().collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    let text = format!(
        "{}: an object is left of an earlier `render`, which `kubectl apply` does not remove; delete it, or see \"What left the \
         catalogue\" in docs/catalogue.md",
        shown.join("; ")
    );
    Finding::warn(format!("catalogue {namespace}/{catalogue}"), text)
}

/// The catalogue that an object is rendered from.
fn catalogue(object: &Value) -> Option<&str> {
    object["metadata"]["labels"][CATALOGUE_LABEL].as_str()
}

/// What builds the pushes of a repository: the catalogue, the object, and the repository. Pull requests are not swept.
fn built<'a>(
    sensors: &'a [Value],
    templates: &'a [Value],
) -> impl Iterator<Item = (&'a str, String, &'a str)> {
    let deciding = templates.iter().filter(|template| name(template).starts_with("select-push-"));
    let deciding = deciding.filter_map(|template| {
        let repo = template.pointer("/spec/templates/0/plugin/buildkit/select/repo")?.as_str()?;
        Some((catalogue(template)?, format!("WorkflowTemplate {}", name(template)), repo))
    });
    let triggers = sensors.iter().filter_map(|sensor| Some((sensor, catalogue(sensor)?)));
    let triggers = triggers.flat_map(|(sensor, catalogue)| {
        let triggers = sensor["spec"]["triggers"].as_array().into_iter().flatten();
        triggers.filter_map(move |trigger| {
            let template = &trigger["template"];
            let is_push =
                template["name"].as_str().is_some_and(|it| it.starts_with("push-") || it.starts_with("tag-"));
            let set = template.pointer("/k8s/source/resource/spec/arguments/parameters")?.as_array()?;
            let repo = set.iter().find(|one| one["name"] == "repo")?["value"].as_str()?;
            is_push.then(|| (catalogue, format!("Sensor {}", name(sensor)), repo))
        })
    });
    deciding.chain(triggers)
}

/// The services that CronWorkflows of a catalogue look at, each with the name of the CronWorkflow.
fn services<'a>(crons: &'a [Value], of: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let own = crons.iter().filter(move |cron| catalogue(cron) == Some(of)).collect::<Vec<_>>();
    own.into_iter().flat_map(|cron| {
        let polls =
            steps(&cron["spec"]["workflowSpec"]).filter_map(|step| step["poll"]["services"].as_array());
        polls.flatten().map(move |service| (name(cron), service))
    })
}

/// The services that several CronWorkflows of a catalogue look at.
fn twice<'a>(crons: &'a [Value], catalogue: &str) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (cron, service) in services(crons, catalogue) {
        if let Some(service) = service["name"].as_str() {
            seen.entry(service).or_default().push(cron);
        }
    }
    seen.retain(|_, crons| crons.len() > 1);
    seen
}
