//! Triggers that log what no Workflow tells of. The name of a trigger is the reason.

use serde_json::{Value, json};

use super::filters::FilterWriter;
use crate::catalogue::Repository;

/// The triggers with their dependencies, for repositories of one Sensor. `all` are those of the whole catalogue.
pub(super) fn of(
    filters: FilterWriter<'_>,
    repositories: &[&Repository<'_>],
    all: Option<&[&Repository<'_>]>,
) -> Vec<(Vec<Value>, Value)> {
    let has_pull_requests =
        |one: &&&Repository<'_>| one.pushed().iter().any(|service| service.pull_request.is_some());
    let asked: Vec<_> = repositories.iter().filter(has_pull_requests).copied().collect();
    let reasons = [
        ("ignored-own-commit", filters.own_commits(repositories).into_iter().collect::<Vec<_>>()),
        ("ignored-branch-or-tag", repositories.iter().map(|one| filters.other_ref(one)).collect()),
        ("ignored-fork", (!asked.is_empty()).then(|| filters.forks(&asked)).into_iter().collect()),
        ("ignored-odd-ref-name", vec![filters.odd_refs(repositories)]),
        ("ignored-deletion", vec![filters.deletions(repositories)]),
        ("ignored-unknown-repository", all.map(|all| filters.unknown(all)).into_iter().collect()),
    ];
    let reasons = reasons.into_iter().filter(|(_, dependencies)| !dependencies.is_empty());
    reasons
        .map(|(reason, dependencies)| {
            let trigger = logged(reason, &dependencies);
            (dependencies, trigger)
        })
        .collect()
}

fn logged(reason: &str, dependencies: &[Value]) -> Value {
    let names: Vec<_> = dependencies.iter().filter_map(|one| one["name"].as_str()).collect();
    json!({"template": {"name": reason, "conditions": names.join(" || "), "log": {}}})
}
