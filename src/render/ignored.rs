//! Triggers that log what no Workflow tells of. The name of a trigger is the reason.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::filters::{
    ACTIONS, EventKind, FilterWriter, NO_IMAGE_TAG, NOTHING, ODD, any, differs, matches, one_of, origin, refs,
};
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
        ("ignored-branch-or-tag", filters.other_refs(repositories)),
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

impl FilterWriter<'_> {
    /// The dependencies on pushes to branches and tags that no service has: one for all repositories with the same patterns.
    fn other_refs(&self, repositories: &[&Repository<'_>]) -> Vec<Value> {
        let mut groups: BTreeMap<String, Vec<&Repository<'_>>> = BTreeMap::new();
        for repository in repositories {
            groups.entry(known_refs(repository)).or_default().push(repository);
        }
        let groups = groups.into_iter().enumerate();
        groups
            .map(|(n, (known, same))| self.other_ref(&format!("other-ref-{}", n + 1), &known, &same))
            .collect()
    }

    fn other_ref(&self, name: &str, known: &str, repositories: &[&Repository<'_>]) -> Value {
        let mut filters = vec![self.event(EventKind::Branch), any(repositories)];
        filters.push(differs("body.after", NOTHING));
        filters.extend(self.by_bots(false));
        filters.extend([differs("body.ref", ODD), differs("body.ref", NO_IMAGE_TAG)]);
        // Of no pattern at all, every ref is another one.
        if !known.is_empty() {
            filters.push(differs("body.ref", known));
        }
        self.dependency(name, filters)
    }

    /// The dependency on pull requests to any of the repositories from another one.
    fn forks(&self, repositories: &[&Repository<'_>]) -> Value {
        let action = matches("body.action", vec![ACTIONS.to_owned()]);
        let filters = vec![self.event(EventKind::PullRequest), any(repositories), action, origin("fork")];
        self.dependency("fork", filters)
    }

    /// The dependency on deletions of refs.
    fn deletions(&self, repositories: &[&Repository<'_>]) -> Value {
        let nothing = matches("body.after", vec![NOTHING.to_owned()]);
        self.dependency("deletion", vec![self.event(EventKind::Branch), any(repositories), nothing])
    }

    /// The dependency on pushes of our own accounts to any of the repositories. `None` if there is no such account.
    fn own_commits(&self, repositories: &[&Repository<'_>]) -> Option<Value> {
        let by = self.by_bots(true)?;
        let filters =
            vec![self.event(EventKind::Branch), any(repositories), differs("body.after", NOTHING), by];
        Some(self.dependency("own-commit", filters))
    }

    /// The dependency on pushes to refs with names that no parameter may hold.
    fn odd_refs(&self, repositories: &[&Repository<'_>]) -> Value {
        let odd = matches("body.ref", vec![ODD.to_owned(), NO_IMAGE_TAG.to_owned()]);
        let mut filters = vec![self.event(EventKind::Branch), any(repositories), odd];
        filters.push(differs("body.after", NOTHING));
        filters.extend(self.by_bots(false));
        self.dependency("odd-ref-name", filters)
    }

    /// The dependency on pushes to repositories that the catalogue does not have, or has in pull mode.
    fn unknown(&self, repositories: &[&Repository<'_>]) -> Value {
        let known = repositories.iter().map(|one| one.full_name.as_str()).collect::<Vec<_>>();
        let unknown = differs("body.repository.full_name", &one_of(&known));
        let any = matches("body.X-GitHub-Event", vec!["^(?:push|pull_request)$".to_owned()]);
        self.dependency("unknown-repository", vec![any, unknown])
    }
}

/// The pattern of all refs of a repository that are built.
fn known_refs(repository: &Repository<'_>) -> String {
    let pushed = repository.pushed();
    let known = [EventKind::Branch, EventKind::Tag].into_iter().flat_map(|kind| refs(kind, &pushed));
    known.collect::<Vec<_>>().join("|")
}
