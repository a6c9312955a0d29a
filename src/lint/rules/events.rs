//! The rules of EventSources, Sensors and EventBuses.

pub(super) mod bus;
pub(super) mod dependencies;
pub(super) mod encryption;
pub(super) mod fields;
pub(super) mod filters;
pub(super) mod hooks;
pub(super) mod patterns;
pub(super) mod retries;
pub(super) mod targets;
pub(super) mod templates;
pub(super) mod triggers;

use super::super::events::sensor::{self, Trigger};
use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given};

/// An error in `object`.
fn error<'a>(
    object: &'a ArgoObject<'a>,
    pointer: String,
    at: At,
    problem: String,
    help: String,
) -> RuleMatch<'a> {
    RuleMatch {
        object,
        template: String::new(),
        pointer,
        at,
        severity: DiagnosticLevel::Error,
        problem,
        help,
    }
}

/// A warning about `object`.
fn warning<'a>(
    object: &'a ArgoObject<'a>,
    pointer: String,
    at: At,
    problem: String,
    help: String,
) -> RuleMatch<'a> {
    RuleMatch { severity: DiagnosticLevel::Warning, ..error(object, pointer, at, problem, help) }
}

/// The same, of a trigger.
fn of<'a>(trigger: &Trigger<'_>, found: RuleMatch<'a>) -> RuleMatch<'a> {
    RuleMatch { template: trigger.name.to_owned(), ..found }
}

/// The triggers of all Sensors.
fn all_triggers<'a>(given: &'a Given<'a>) -> impl Iterator<Item = Trigger<'a>> {
    given.events.iter().filter(|object| object.kind == "Sensor").flat_map(sensor::triggers)
}
