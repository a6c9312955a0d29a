//! The table of rules. A rule is a function over everything that is given, in a file of its own.

mod arguments;
mod body;
mod braces;
pub(super) mod catalogue;
mod documents;
mod effect;
mod events;
mod names;
mod outputs;
mod parameters;
mod plugin;

use super::finding::{RuleMatch, YAML};
use super::objects::{CATALOGUE, Given};
pub(super) use body::{JudgedStep, judged_steps};

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct LintRule {
    /// Its name, in kebab case; an identifier in SARIF.
    pub name: &'static str,
    /// What it finds, in one sentence.
    pub summary: &'static str,
    pub(super) find: Find,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Find {
    /// The rule is held where the files are read.
    Files,
    /// All objects.
    Objects(for<'a> fn(&'a Given<'a>, &mut Vec<RuleMatch<'a>>)),
    /// The steps of the plugin, which the parser has judged once for all these rules.
    Steps(for<'a> fn(&[JudgedStep<'a>], &mut Vec<RuleMatch<'a>>)),
}

/// All rules.
pub const RULES: &[LintRule] = &[
    LintRule { name: YAML, summary: "A file is no YAML.", find: Find::Files },
    LintRule {
        name: "repeated-key",
        summary: "A map has a key twice. Of the two, one is ignored.",
        find: Find::Objects(documents::repeated_keys),
    },
    LintRule {
        name: "unknown-kind",
        summary: "An object of Argo has a misspelt kind, so that nothing judges it.",
        find: Find::Objects(documents::unknown_kinds),
    },
    LintRule {
        name: "plugin-form",
        summary: "A template's `plugin` is not one key with a value. Argo's controller can crash on it.",
        find: Find::Objects(plugin::misshapen),
    },
    LintRule { name: "step", summary: "The plugin refuses the step.", find: Find::Steps(body::steps) },
    LintRule {
        name: "time-limit",
        summary: "The plugin refuses the step's time limit.",
        find: Find::Steps(body::limits),
    },
    LintRule {
        name: "output-not-made",
        summary: "A template declares an output that its step does not make.",
        find: Find::Steps(body::outputs),
    },
    LintRule {
        name: "output-not-declared",
        summary: "An expression names an output that the template of the step does not declare.",
        find: Find::Objects(outputs::not_declared),
    },
    LintRule {
        name: "unknown-step",
        summary: "An expression names a step or task that the template does not have.",
        find: Find::Objects(outputs::unknown_steps),
    },
    LintRule {
        name: "unknown-parameter",
        summary: "An expression names a parameter that is not declared.",
        find: Find::Objects(parameters::unknown),
    },
    LintRule {
        name: "unknown-template",
        summary: "A step, a task or a workflow names a template that is not in the files.",
        find: Find::Objects(names::unknown_templates),
    },
    LintRule {
        name: "open-braces",
        summary: "A text has a `{{` without a `}}`, which Argo takes for the beginning of a reference.",
        find: Find::Objects(braces::open),
    },
    LintRule {
        name: "no-effect",
        summary: "Argo does not heed a field for plugin nodes.",
        find: Find::Objects(effect::without_effect),
    },
    LintRule {
        name: "unknown-argument",
        summary: "A parameter is passed that the template does not have.",
        find: Find::Objects(arguments::unknown),
    },
    LintRule {
        name: "missing-argument",
        summary: "A parameter without a value is not passed.",
        find: Find::Objects(arguments::missing),
    },
    LintRule {
        name: "unknown-field",
        summary: "An EventSource, Sensor or EventBus has a field that Argo Events does not know, and ignores.",
        find: Find::Objects(events::fields::unknown),
    },
    LintRule {
        name: "field-type",
        summary: "A field has another type than Argo Events reads, such as a number in quotes.",
        find: Find::Objects(events::fields::wrong_types),
    },
    LintRule {
        name: "missing-field",
        summary: "A field is missing without which Argo Events refuses the object, or does nothing.",
        find: Find::Objects(events::fields::missing),
    },
    LintRule {
        name: "unknown-dependency",
        summary: "A condition or a parameter names a dependency that the Sensor does not have.",
        find: Find::Objects(events::dependencies::unknown),
    },
    LintRule {
        name: "unknown-event",
        summary: "A dependency names an event that its EventSource does not have, or that comes by another EventBus.",
        find: Find::Objects(events::dependencies::unknown_events),
    },
    LintRule {
        name: "all-dependencies",
        summary: "A trigger without conditions waits for all dependencies together.",
        find: Find::Objects(events::dependencies::all_awaited),
    },
    LintRule {
        name: "filter",
        summary: "A filter drops all events, or none: its type, comparator, value or operator.",
        find: Find::Objects(events::filters::wrong),
    },
    LintRule {
        name: "event-path",
        summary: "A path into an event begins with a part that the event does not have.",
        find: Find::Objects(events::filters::unknown_parts),
    },
    LintRule {
        name: "changed-files",
        summary: "A filter reads the files of a push from its payload, which lists only the newest commits.",
        find: Find::Objects(events::filters::changed_files),
    },
    LintRule {
        name: "regex",
        summary: "Go does not compile a regular expression.",
        find: Find::Objects(events::patterns::refused),
    },
    LintRule {
        name: "open-pattern",
        summary: "A regular expression for a name, such as a branch, also matches longer names.",
        find: Find::Objects(events::patterns::open),
    },
    LintRule {
        name: "deletions",
        summary: "A dependency on pushes lets the deletion of a branch through.",
        find: Find::Objects(events::hooks::deletions),
    },
    LintRule {
        name: "operation",
        summary: "A trigger, a parameter or a limit of the rate names an operation or a unit that does not exist.",
        find: Find::Objects(events::triggers::operations),
    },
    LintRule {
        name: "redelivery",
        summary: "An event that is delivered twice does not have the effect of one.",
        find: Find::Objects(events::triggers::redelivery),
    },
    LintRule {
        name: "no-retry",
        summary: "Retries or a dead-letter trigger have no effect.",
        find: Find::Objects(events::retries::without_effect),
    },
    LintRule {
        name: "short-retry",
        summary: "A trigger gives up before an API server has restarted.",
        find: Find::Objects(events::retries::too_short),
    },
    LintRule {
        name: "dest",
        summary: "A parameter puts its value where the object has no place for it.",
        find: Find::Objects(events::targets::wrong),
    },
    LintRule {
        name: "go-template",
        summary: "Go does not parse a template, or it gives nothing.",
        find: Find::Objects(events::templates::refused),
    },
    LintRule {
        name: "unsigned-hook",
        summary: "A webhook takes posts from anybody.",
        find: Find::Objects(events::hooks::unsigned),
    },
    LintRule {
        name: "unreached-hook",
        summary: "Posts do not reach a webhook: no Service has its port, or another event has its endpoint.",
        find: Find::Objects(events::hooks::unreached),
    },
    LintRule {
        name: "payload-limit",
        summary: "A webhook takes larger posts than its EventBus.",
        find: Find::Objects(events::bus::too_large),
    },
    LintRule {
        name: "stream",
        summary: "The stream of an EventBus drops old events without a message, or is never made.",
        find: Find::Objects(events::bus::streams),
    },
    LintRule {
        name: "encrypted-bus",
        summary: "An EventBus encrypts its store, and cannot read it again after a kill.",
        find: Find::Objects(events::encryption::encrypted),
    },
    LintRule {
        name: CATALOGUE,
        summary: "A catalogue of services has a mistake.",
        find: Find::Objects(catalogue::mistakes),
    },
];
