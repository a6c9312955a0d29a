//! The table of rules. A rule is a function over everything that is given, in a file of its own.

mod body;
mod braces;
mod documents;
mod effect;
mod names;
mod outputs;
mod parameters;
mod plugin;

use super::finding::{RuleMatch, YAML};
use super::objects::Given;
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
];
