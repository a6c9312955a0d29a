//! The services and the hook, from a document that `reader` has looked through.
//!
//! These readers never fail: what is wrong is known already, so that a mistake in one service hides none in another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::builds::{self, DOCKERFILE};
use super::fields::{Fields, text};
use super::pattern::NamePattern;
use super::problem::CatalogueProblem;
use super::targets;
use super::template::KnownTemplates;
use super::types::{Hook, HookSource, Service};
use crate::git::RepoUrl;

/// A service with its place in the file, and what of it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct PlacedService {
    /// The service; `None` if its repository is refused.
    pub(super) service: Option<Service>,
    /// What it has, with the defaults.
    pub(super) fields: Fields,
}

/// The services of a document. `refused` are the places of the mistakes that are known.
pub(super) fn services(
    document: &Value,
    templates: &KnownTemplates,
    refused: &[String],
    problems: &mut Vec<CatalogueProblem>,
) -> Vec<PlacedService> {
    let count = document["services"].as_array().map_or(0, Vec::len).min(super::reader::ITEMS);
    let all: Vec<_> = (0..count).map(|n| Fields::of(document, &format!("/services/{n}"))).collect();
    let origins: Vec<_> = all
        .iter()
        .map(|fields| fields.text("repo").and_then(|repo| repo.parse().ok()).map(|url: RepoUrl| url.origin()))
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for origin in origins.iter().flatten() {
        *counts.entry(origin).or_default() += 1;
    }
    let has_several = |n: usize| {
        origins[n].as_deref().and_then(|origin| counts.get(origin)).is_some_and(|count| *count > 1)
    };
    let mut left: Vec<Vec<CatalogueProblem>> = Vec::new();
    let services = all.iter().enumerate().filter_map(|(n, fields)| {
        document.pointer(&fields.own)?.as_object()?;
        let is_refused = refused.iter().any(|place| {
            place.starts_with("/defaults")
                || *place == fields.own
                || place.starts_with(&format!("{}/", fields.own))
        });
        let mut found = builds::of(document, fields, templates);
        problems.append(&mut found.problems);
        left.push(std::mem::take(&mut found.left));
        let service = service(fields, found, templates, has_several(n));
        if let Some(service) = service.as_ref().filter(|_| !is_refused) {
            problems.extend(targets::of_service(document, fields, service));
        }
        Some(PlacedService { service, fields: fields.clone() })
    });
    let services: Vec<_> = services.collect();
    let is_left =
        |one: &CatalogueProblem| left.iter().all(|all| all.iter().any(|it| it.pointer == one.pointer));
    problems.extend(left.first().into_iter().flatten().filter(|one| is_left(one)).cloned());
    // One mistake in the defaults is one, however many services take it over.
    let mut seen = std::collections::HashSet::new();
    problems.retain(|problem| seen.insert((problem.pointer.clone(), problem.problem.clone())));
    services
}

/// The service; `None` if its repository is refused.
fn service(
    fields: &Fields,
    found: builds::Found,
    templates: &KnownTemplates,
    has_several: bool,
) -> Option<Service> {
    let own = |key: &str, default: &str| {
        let declared =
            templates.find(&found.build.template).and_then(|known| known.get(default)?.value.clone());
        let value = fields.text(key).map(str::to_owned).or(declared);
        value.filter(|value| !value.is_empty())
    };
    let known = templates.find(&found.build.template);
    let dockerfile = DOCKERFILE.into_iter().filter_map(|name| {
        let declared = || known?.get(name)?.value.as_ref();
        let value = found.build.parameters.get(name).or_else(declared)?;
        let is_known = !value.is_empty() && !value.contains("{{") && !value.contains("$(");
        is_known.then(|| (name, value.clone()))
    });
    let dockerfile = dockerfile.collect();
    let patterns = |key: &str, default: &[&str]| {
        let texts =
            fields.texts(key).unwrap_or_else(|| default.iter().map(|&text| text.to_owned()).collect());
        texts.iter().filter_map(|text| NamePattern::parse(text).ok()).collect()
    };
    let subdir = fields.text("subdir").filter(|subdir| !subdir.is_empty());
    let default_paths =
        || subdir.filter(|_| has_several).map(|subdir| vec![format!("{}/**", literal(subdir))]);
    let pull = fields.value("pull");
    let schedule = pull.and_then(|pull| match pull {
        Value::Bool(true) => Some("*/5 * * * *"),
        other => text(&other["schedule"]),
    });
    Some(Service {
        name: fields.text("name").unwrap_or_default().to_owned(),
        repo: fields.text("repo")?.parse().ok()?,
        branches: patterns("branches", &["main", "master"]),
        tags: patterns("tags", &[]),
        paths: fields.texts("paths").or_else(default_paths).unwrap_or_default(),
        paths_ignore: fields.texts("paths-ignore").unwrap_or_default(),
        image: fields.text("image").unwrap_or_default().to_owned(),
        insecure: fields.value("insecure").and_then(Value::as_bool).unwrap_or(false),
        git_secret: own("git-secret", "git-secret"),
        registry_secret: own("registry-secret", "registry-secret"),
        build: found.build,
        dockerfile,
        pull_request: found.pull_request,
        pull: schedule.map(str::to_owned),
    })
}

/// The hook.
pub(super) fn hook(document: &Value) -> Option<Hook> {
    let hook = document.get("hook")?;
    let source = match text(&hook["source"]) {
        Some("github") => HookSource::Github,
        Some("webhook") => HookSource::Webhook,
        _ => HookSource::Gitea,
    };
    let endpoint = match source {
        HookSource::Github => "/github/github-push",
        HookSource::Gitea | HookSource::Webhook => "/gitea/gitea-push",
    };
    let secret = &hook["secret"];
    let name = text(secret).or_else(|| text(&secret["name"])).unwrap_or_default();
    let key = text(&secret["key"]).unwrap_or("secret");
    let bots = hook["bots"].as_array().into_iter().flatten().filter_map(text);
    Some(Hook {
        source,
        endpoint: text(&hook["endpoint"]).unwrap_or(endpoint).to_owned(),
        port: hook["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(12000),
        secret: (name.to_owned(), key.to_owned()),
        event_source: text(&hook["event-source"]).map(str::to_owned),
        bots: bots.map(str::to_owned).collect(),
        own_account: hook.get("service-account").is_none(),
        service_account: text(&hook["service-account"]).unwrap_or("buildkit-sensor").to_owned(),
    })
}

/// A path as a glob that matches it alone.
fn literal(path: &str) -> String {
    path.chars().map(|c| if "*?[]{}".contains(c) { format!("[{c}]") } else { c.to_string() }).collect()
}
