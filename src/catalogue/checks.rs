//! What two services must not have in common, and what the services need of the hook.

use std::collections::BTreeMap;

use serde_json::Value;

use super::full_name::full_name;
use super::problem::{CatalogueProblem, quoted};
use super::service::PlacedService;
use super::types::{Hook, Service};
use crate::oci::ImageRef;
use crate::selection::PathFilter;

/// Mistakes that two services make together, at the second of them.
pub(super) fn services(services: &[PlacedService], problems: &mut Vec<CatalogueProblem>) {
    let name = |placed: &PlacedService| placed.fields.text("name").map(str::to_owned);
    twice(services, "name", name, "each service has its own; its Workflows are named after it", problems);
    let image = |placed: &PlacedService| {
        placed.fields.text("image")?.parse::<ImageRef>().ok().map(|image| image.name())
    };
    twice(services, "image", image, "one would push over the other's tags", problems);
    for placed in services.iter() {
        problems.extend(alone(placed));
    }
    let known: Vec<_> =
        services.iter().filter_map(|placed| Some((placed, placed.service.as_ref()?))).collect();
    repositories(&known, problems);
}

/// What a service lacks that neither its fields nor the parser of steps shows.
fn alone(placed: &PlacedService) -> Option<CatalogueProblem> {
    let own = &placed.fields.own;
    if placed.fields.value("image").is_none() {
        let problem = "`image` is missing".to_owned();
        return Some(CatalogueProblem::at(own, problem, "write it").of_key());
    }
    let service = placed.service.as_ref()?;
    // Together: a glob that takes away needs one before it.
    if let Err(error) = PathFilter::new(&service.paths, &service.paths_ignore) {
        let field = if PathFilter::new(&service.paths, &[]).is_ok() { "paths-ignore" } else { "paths" };
        return Some(CatalogueProblem::said(placed.fields.place(field), &error.to_string()));
    }
    let is_empty =
        |key: &str| placed.fields.value(key).is_none_or(|value| value.as_array().is_none_or(Vec::is_empty));
    let has_no_branch = placed.fields.value("branches").is_some() && is_empty("branches");
    if has_no_branch && is_empty("tags") && service.pull_request.is_none() {
        let problem =
            "no event builds the service, since it has no branches, no tags and no pull requests".to_owned();
        return Some(CatalogueProblem::at(
            placed.fields.place("branches"),
            problem,
            "write a pattern, such as `main`",
        ));
    }
    if service.pull.is_some() && placed.fields.value("pull-requests").is_some_and(|value| value != false) {
        let problem =
            "a service in pull mode builds no pull requests, since no hook announces them".to_owned();
        return Some(CatalogueProblem::at(
            placed.fields.place("pull-requests"),
            problem,
            "leave out one of `pull` and `pull-requests`",
        ));
    }
    None
}

fn twice(
    services: &[PlacedService],
    field: &str,
    value: impl Fn(&PlacedService) -> Option<String>,
    help: &str,
    problems: &mut Vec<CatalogueProblem>,
) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for placed in services {
        let Some(value) = value(placed).filter(|value| !value.is_empty()) else { continue };
        let own = placed.fields.text("name").unwrap_or_default().to_owned();
        match seen.get(&value) {
            None => drop(seen.insert(value, own)),
            Some(first) => {
                let whose = if field == "name" {
                    "another service".to_owned()
                } else {
                    format!("the service {}", quoted(first))
                };
                let problem = format!("{whose} has the {field} {} too", quoted(&value));
                problems.push(CatalogueProblem::at(placed.fields.place(field), problem, help));
            }
        }
    }
}

/// Repositories that are written in two ways, or that a hook cannot tell apart.
fn repositories(services: &[(&PlacedService, &Service)], problems: &mut Vec<CatalogueProblem>) {
    let mut origins: BTreeMap<String, &Service> = BTreeMap::new();
    let mut names: BTreeMap<String, &Service> = BTreeMap::new();
    for (placed, service) in services {
        let origin = service.repo.origin();
        if let Some(other) = origins.get(&origin) {
            problems.extend(written_twice(placed, service, other));
            continue;
        }
        origins.insert(origin, *service);
        let Ok(name) = full_name(&service.repo) else { continue };
        let other = names.entry(name.to_lowercase()).or_insert(*service);
        if other.repo != service.repo {
            let problem = format!(
                "the repository of the service `{}` has the same owner and name on another server",
                other.name
            );
            let help =
                "a hook's events have no more of it; declare the servers in two catalogues with two hooks";
            problems.push(CatalogueProblem::at(placed.fields.place("repo"), problem, help));
        }
    }
}

/// A repository that another service writes in another way, or reads with another login.
fn written_twice(placed: &PlacedService, service: &Service, other: &Service) -> Option<CatalogueProblem> {
    let name = &other.name;
    if other.repo != service.repo {
        let written = quoted(&other.repo.to_string());
        let problem = format!("the service `{name}` writes the same repository as {written}");
        return Some(CatalogueProblem::at(placed.fields.place("repo"), problem, "write it in one way"));
    }
    if other.git_secret == service.git_secret {
        return None;
    }
    let problem = format!("the service `{name}` has another Secret for the same repository");
    let help = "write one Secret; a push is judged once for all services of a repository";
    Some(CatalogueProblem::at(placed.fields.place("git-secret"), problem, help))
}

/// Services that wait for a hook without one, and a hook with too little or too much.
pub(super) fn hook(
    document: &Value,
    hook: Option<&Hook>,
    services: &[PlacedService],
    problems: &mut Vec<CatalogueProblem>,
) {
    let waits =
        services.iter().filter_map(|placed| placed.service.as_ref()).find(|service| service.pull.is_none());
    if let Some(service) = waits.filter(|_| hook.is_none() && document.is_object()) {
        let problem = format!("`hook` is missing, and the service `{}` waits for its events", service.name);
        let help = "write it, or `pull: true` for every service";
        problems.push(CatalogueProblem::at("", problem, help).of_key());
    }
    let Some(own) = document["hook"].as_object() else { return };
    match hook.and_then(|hook| hook.event_source.as_deref()) {
        None if !own.contains_key("secret") => {
            let problem = "`secret` is missing, and without it anybody can announce a push".to_owned();
            let help =
                "write the name of a Secret, or in `event-source` the name of an EventSource that has one";
            problems.push(CatalogueProblem::at("/hook", problem, help).of_key());
        }
        None => {}
        Some(source) => {
            let also = ["secret", "endpoint", "port"].into_iter().filter(|field| own.contains_key(*field));
            problems.extend(also.map(|field| {
                let problem = format!("the EventSource `{source}` has its own");
                let help = "leave it out, or leave out `event-source`";
                CatalogueProblem::at(&format!("/hook/{field}"), problem, help).of_key()
            }));
        }
    }
}
