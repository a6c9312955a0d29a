//! What a Sensor lets through, as filters over the events of a hook.
//!
//! A filter's text is an unanchored regular expression of Go; of several texts one must match, also with `!=` (argo-events
//! `pkg/sensors/dependencies/filter.go`). A path that an event lacks ends the filters with a warning in the Sensor's log, so
//! the kind of the event comes first and the repository second.

use serde_json::{Value, json};

use super::event_source::EVENT;
use crate::catalogue::{Catalogue, Hook, HookSource, NamePattern, Repository, Service};

/// What an event must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    Branch,
    Tag,
    PullRequest,
}

/// Text in a ref that would become an expression of Argo or a reference of the plugin in a parameter's value.
pub(super) const ODD: &str = "^.*(?:[{][{]|[$][(]).*$";

/// A tag of Git that is a tag of an image, too.
const IMAGE_TAG: &str = "^refs/tags/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$";

/// Any other one.
pub(super) const NO_IMAGE_TAG: &str = "^refs/tags/(?:[^A-Za-z0-9_].*|.*[^A-Za-z0-9_.-].*|.{129,})$";

/// A commit, SHA-1 or SHA-256.
const COMMIT: &str = "^[0-9a-f]{40}(?:[0-9a-f]{24})?$";

/// What `after` is when a ref is deleted.
pub(super) const NOTHING: &str = "^0+$";

pub(super) const ACTIONS: &str = "^(?:opened|reopened|synchronize|synchronized)$";

/// Gives the event of a plain hook the form of a signed one, and takes the bearer token out of it, so that no log has it.
const AS_SIGNED: &str = "{headers: (.header | del(.Authorization)), body: (.body + {\"X-GitHub-Event\": \
    ((.header[\"X-Gitea-Event\"] // .header[\"X-Github-Event\"] // [\"\"])[0]), \"X-GitHub-Delivery\": \
    ((.header[\"X-Gitea-Delivery\"] // .header[\"X-Github-Delivery\"] // [\"\"])[0])})}";

/// Whether a pull request is of its own repository, as a Go template over it. The repository of a fork may be gone.
const ORIGIN: &str = "{{ $pr := fromJson .Input }}{{ if and $pr.head.repo \
    (eq $pr.head.repo.full_name $pr.base.repo.full_name) }}same{{ else }}fork{{ end }}";

/// Writes the dependencies of a Sensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilterWriter<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) hook: &'a Hook,
}

impl FilterWriter<'_> {
    /// The dependency on the events that build `services` of a repository.
    pub(super) fn built(&self, kind: EventKind, repository: &Repository<'_>, services: &[&Service]) -> Value {
        let mut filters = vec![self.event(kind), same(repository)];
        match kind {
            EventKind::Branch => {
                filters.push(matches("body.ref", refs(kind, services)));
                filters.push(differs("body.ref", ODD));
                filters.push(matches("body.after", vec![COMMIT.to_owned()]));
                filters.push(differs("body.after", NOTHING));
            }
            EventKind::Tag => {
                filters.push(matches("body.ref", refs(kind, services)));
                filters.push(matches("body.ref", vec![IMAGE_TAG.to_owned()]));
                filters.push(differs("body.after", NOTHING));
                filters.push(matches("body.head_commit.id", vec![COMMIT.to_owned()]));
            }
            EventKind::PullRequest => {
                filters.push(matches("body.action", vec![ACTIONS.to_owned()]));
                filters.push(matches("body.pull_request.head.sha", vec![COMMIT.to_owned()]));
            }
        }
        filters.extend(self.by_bots(false));
        if kind == EventKind::PullRequest {
            filters.push(origin("same"));
        }
        self.dependency(&dependency_name(kind, repository), filters)
    }

    /// The kind of an event, as the forge's header has it.
    pub(super) fn event(&self, kind: EventKind) -> Value {
        let name = if kind == EventKind::PullRequest { "^pull_request$" } else { "^push$" };
        matches("body.X-GitHub-Event", vec![name.to_owned()])
    }

    /// Whether one of our own accounts made the event. `None` if there is none.
    pub(super) fn by_bots(&self, is_bot: bool) -> Option<Value> {
        let bots: Vec<_> = self.hook.bots.iter().map(String::as_str).collect();
        let (path, text) = ("body.sender.login", one_of(&bots));
        (!bots.is_empty()).then(|| if is_bot { matches(path, vec![text]) } else { differs(path, &text) })
    }

    /// A dependency on events of the hook.
    pub(super) fn dependency(&self, name: &str, filters: Vec<Value>) -> Value {
        let mut dependency = json!({
            "name": name,
            "eventSourceName": self.hook.event_source.as_ref().unwrap_or(&self.catalogue.name),
            "eventName": EVENT,
            "filters": {"data": filters},
        });
        if self.hook.source == HookSource::Webhook {
            dependency["transform"] = json!({"jq": AS_SIGNED});
        }
        dependency
    }
}

/// The name of the dependency on an event, and of its trigger. It begins with a letter, as a condition needs.
pub(super) fn dependency_name(kind: EventKind, repository: &Repository<'_>) -> String {
    let kind = match kind {
        EventKind::Branch => "push",
        EventKind::Tag => "tag",
        EventKind::PullRequest => "pull-request",
    };
    format!("{kind}-{}", repository.slug)
}

/// The patterns of all refs of a kind that services have, each once.
pub(super) fn refs(kind: EventKind, services: &[&Service]) -> Vec<String> {
    let patterns = |service: &&Service| -> Vec<NamePattern> {
        if kind == EventKind::Tag { service.tags.clone() } else { service.branches.clone() }
    };
    let place = if kind == EventKind::Tag { "tags" } else { "heads" };
    let mut refs: Vec<String> = Vec::new();
    for pattern in services.iter().flat_map(patterns) {
        let text = format!("^refs/{place}/(?:{pattern})$");
        if !refs.contains(&text) {
            refs.push(text);
        }
    }
    refs
}

fn same(repository: &Repository<'_>) -> Value {
    matches("body.repository.full_name", vec![full_name(repository)])
}

pub(super) fn any(repositories: &[&Repository<'_>]) -> Value {
    let names: Vec<_> = repositories.iter().map(|one| one.full_name.as_str()).collect();
    matches("body.repository.full_name", vec![one_of(&names)])
}

/// The pattern of a repository's full name. Forges ignore case in it.
fn full_name(repository: &Repository<'_>) -> String {
    one_of(&[&repository.full_name])
}

/// A pattern that matches one of a few names and nothing else, whatever their case.
pub(super) fn one_of(names: &[&str]) -> String {
    // Names have letters, digits, `-` and `_`, and these.
    let escaped = |name: &&str| name.replace('.', r"\.").replace('[', r"\[").replace(']', r"\]");
    let names: Vec<_> = names.iter().map(escaped).collect();
    format!("^(?i:{})$", names.join("|"))
}

pub(super) fn matches(path: &str, texts: Vec<String>) -> Value {
    json!({"path": path, "type": "string", "value": texts})
}

/// Whether a pull request is of its own repository (`same`) or of another one (`fork`).
pub(super) fn origin(expected: &str) -> Value {
    let value = [format!("^{expected}$")];
    json!({"path": "body.pull_request", "type": "string", "template": ORIGIN, "value": value})
}

pub(super) fn differs(path: &str, text: &str) -> Value {
    json!({"path": path, "type": "string", "comparator": "!=", "value": [text]})
}
