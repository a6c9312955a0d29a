//! Webhooks: those that take posts of anybody, those that nothing reaches, and pushes that delete a branch.

use serde_json::Value;

use super::super::super::events::sensor::{self, Dependency, items};
use super::super::super::events::source::{self, SourceEvent};
use super::super::super::finding::{At, RuleMatch};
use super::super::super::objects::{ArgoObject, Given};
use super::filters::filter_paths;
use super::warning;

/// The secret with which a kind of source knows the sender.
const SECRETS: [(&str, &str); 5] = [
    ("github", "webhookSecret"),
    ("webhook", "authSecret"),
    ("gitlab", "secretToken"),
    ("bitbucketserver", "webhookSecret"),
    ("slack", "signingSecret"),
];

/// Sources that take unsigned posts.
pub(in super::super) fn unsigned<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in given.of_events("EventSource") {
        for event in source::events(object) {
            let Some((_, secret)) = SECRETS.iter().find(|(kind, _)| *kind == event.kind) else { continue };
            if !event.value[*secret].is_null() {
                continue;
            }
            let problem = format!("without `{secret}`, the source takes posts from anybody who reaches it");
            let help =
                format!("write `{secret}: {{name: SECRET, key: KEY}}`, and give the hook the same secret");
            found.push(warning(object, event.pointer, At::Key, problem, help));
        }
    }
}

/// Sources whose port no Service has, and sources that share an endpoint.
pub(in super::super) fn unreached<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for object in given.of_events("EventSource") {
        let service = &object.spec["service"];
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for event in source::events(object) {
            let Some((place, hook)) = event.hook() else { continue };
            let text = |key: &str| hook[key].as_str().unwrap_or_default();
            let (port, endpoint) = (text("port"), text("endpoint"));
            if !port.is_empty() && service.is_object() && !serves(service, port) {
                let problem = format!("the Service of the EventSource has no port {port}");
                let help = format!(
                    "write it under `service.ports`: `{{name: {}, port: {port}, targetPort: {port}}}`",
                    event.name
                );
                found.push(warning(object, format!("{place}/port"), At::Value, problem, help));
            }
            if !endpoint.is_empty() && seen.contains(&(port, endpoint)) {
                let problem = format!("another event has the same port and endpoint `{endpoint}`");
                let help = "only one of them gets the posts; give each an endpoint of its own".to_owned();
                found.push(warning(object, format!("{place}/endpoint"), At::Value, problem, help));
            }
            seen.push((port, endpoint));
        }
    }
}

fn serves(service: &Value, port: &str) -> bool {
    let ports = service["ports"].as_array().into_iter().flatten();
    let mut targets =
        ports.map(|port| if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] });
    targets.any(|target| {
        target.as_str() == Some(port)
            || target.as_u64().is_some_and(|number| Some(number) == port.parse().ok())
            || target.as_str().is_some_and(|name| name.parse::<u16>().is_err())
    })
}

/// Dependencies on pushes that let the deletion of a branch through.
pub(in super::super) fn deletions<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for sensor in given.of_events("Sensor") {
        for dependency in sensor::dependencies(sensor) {
            let is_judged =
                filters_ref(&dependency) && builds(sensor, &dependency) && !is_other_event(&dependency);
            let tells =
                |path: &str| ["after", "deleted", "head_commit"].iter().any(|word| path.contains(word));
            if !is_judged || filter_paths(&dependency).iter().any(|(_, path)| tells(path)) {
                continue;
            }
            let problem = "the deletion of a branch is a push too, whose commit is all zeros, and this dependency lets it through".to_owned();
            let help =
                "add the filter `{path: body.after, type: string, comparator: \"!=\", value: [\"^0+$\"]}`"
                    .to_owned();
            found.push(warning(sensor, format!("{}/filters", dependency.pointer), At::Key, problem, help));
        }
    }
}

/// Whether the dependency is chosen by the ref of a push.
fn filters_ref(dependency: &Dependency<'_>) -> bool {
    filter_paths(dependency).iter().any(|(_, path)| *path == "body.ref")
}

/// Whether a trigger other than a log waits for the dependency.
fn builds<'a>(sensor: &'a ArgoObject<'a>, dependency: &Dependency<'a>) -> bool {
    let same = |name: &str| name.replace('-', "_") == dependency.name.replace('-', "_");
    sensor::triggers(sensor).iter().any(|trigger| {
        let waits = trigger.condition_names().is_none_or(|names| names.iter().any(|name| same(name)));
        waits && !trigger.is_log()
    })
}

/// Whether a filter names another event than a push.
fn is_other_event(dependency: &Dependency<'_>) -> bool {
    let filters = items(&dependency.value["filters"]["data"], "");
    let mut of_event = filters.filter(|(_, filter)| {
        filter["path"].as_str().is_some_and(|path| path.to_lowercase().contains("-event"))
    });
    of_event.any(|(_, filter)| !filter["value"].to_string().contains("push"))
}

/// The posts that a source takes at the most, in bytes (argo-events `webhook_context.go`).
pub(super) const LARGEST_POST: u64 = 1 << 20;

/// The largest post that an event's source takes.
pub(super) fn largest(event: &SourceEvent<'_>) -> Option<(String, u64)> {
    let (place, hook) = event.hook()?;
    let written = &hook["maxPayloadSize"];
    let size = if written.is_null() { LARGEST_POST } else { written.as_u64()? };
    Some((format!("{place}/maxPayloadSize"), size))
}
