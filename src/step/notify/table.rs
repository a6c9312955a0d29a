//! The fields and outputs of `notify`.

use crate::notify::{Channel, Status};
use crate::step::form::ValueForm::{Bool, Map, Names, Pairs, Text, Word};
use crate::step::form::{self, FieldRule, SECRET, optional};
use crate::step::spec::{Output, Spec};
use crate::step::{FieldTable, ValueForm};

pub(in crate::step) const SPEC: Spec =
    Spec { name: "notify", form: Map(NOTIFY), outputs: OUTPUTS, nests: true };

/// The fields, in the order of docs/steps.md.
pub(super) const NOTIFY: &FieldTable = &FieldTable {
    fields: &[
        optional("enabled", Bool),
        optional("to", Names(&CHANNEL_NAMES)),
        optional("url", SECRET),
        optional("signing-secret", SECRET),
        optional("token", SECRET),
        optional("room", Word),
        optional("status", Names(&STATUS_NAMES)),
        optional("title", Text),
        optional("service", Text),
        optional("commit", Text),
        optional("commit-url", Word),
        optional("change", Text),
        optional("author", Text),
        optional("duration", Word),
        optional("facts", TEXTS),
        optional("failures", Text),
        optional("details", Text),
        optional("link", Word),
        optional("text", Text),
        optional("body", TEXTS),
        optional("ignore-error", Bool),
    ],
    rules: &[FieldRule::UnlessOff("to", "enabled"), FieldRule::UnlessOff("url", "enabled")],
};

const TEXTS: ValueForm = Pairs(0, &Text);
const CHANNEL_NAMES: [&str; 6] = form::names(&Channel::NAMES);
const STATUS_NAMES: [&str; 7] = form::names(&Status::NAMES);

/// `together` counts the messages that were sent as one, with this one; it is empty if none was sent.
const OUTPUTS: &[Output] =
    &[Output::ours("notified", "true"), Output::ours("together", "1"), Output::text("notify-problem")];
