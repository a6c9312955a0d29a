//! The fields and outputs of `commit-status`.

use crate::forge::StatusState;
use crate::step::FieldTable;
use crate::step::forge_api::DIALECT_NAMES;
use crate::step::form::ValueForm::{Any, Bool, Map, Names, Text, Word};
use crate::step::form::{self, FieldRule, SECRET, optional};
use crate::step::spec::{Output, Spec};

pub(in crate::step) const SPEC: Spec =
    Spec { name: "commit-status", form: Map(COMMIT_STATUS), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
pub(super) const COMMIT_STATUS: &FieldTable = &FieldTable {
    fields: &[
        optional("enabled", Bool),
        optional("repo", Word),
        optional("secret", SECRET),
        optional("commit", Word),
        optional("state", Names(&STATE_NAMES)),
        optional("context", Word),
        optional("description", Text),
        optional("url", Word),
        optional("forge", Any(&[Names(DIALECT_NAMES), Map(FORGE)])),
        optional("link-package", Word),
        optional("ignore-error", Bool),
    ],
    rules: &[
        FieldRule::UnlessOff("repo", "enabled"),
        FieldRule::UnlessOff("secret", "enabled"),
        FieldRule::UnlessOff("commit", "enabled"),
        FieldRule::UnlessOff("state", "enabled"),
    ],
};

/// The fields of `forge`.
pub(super) const FORGE: &FieldTable =
    &FieldTable::of(&[optional("kind", Names(DIALECT_NAMES)), optional("url", Word)]);

/// The states of both forges, and the phases of Argo: an exit handler writes `{{workflow.status}}`.
pub(super) const STATES: [(&str, StatusState); 9] = [
    ("pending", StatusState::Pending),
    ("success", StatusState::Success),
    ("failure", StatusState::Failure),
    ("error", StatusState::Error),
    ("Pending", StatusState::Pending),
    ("Running", StatusState::Pending),
    ("Succeeded", StatusState::Success),
    ("Failed", StatusState::Failure),
    ("Error", StatusState::Error),
];
const STATE_NAMES: [&str; 9] = form::names(&STATES);

/// `state` and `context` are those that the commit has now. `posted` is `false` if it had them already. `linked` is `true` if the
/// package is linked to the repository, and empty if that was not asked for. `status-problem` says why a step with `ignore-error`
/// has not done its work.
const OUTPUTS: &[Output] = &[
    Output::ours("state", "success"),
    Output::ours("context", "argo-buildkit/builds"),
    Output::ours("posted", "true"),
    Output::ours("linked", "true"),
    Output::text("status-problem"),
];
