//! Strings: which of them a schema takes depends on where the step stands.

use serde_json::{Value, json};

/// `$(name.output)` that is not escaped, as the parser finds it (`step/reference.rs`).
const REFERENCE: &str = r"(?:^|[^$])\$\([a-z0-9-]{1,63}\.[a-z0-9-]{1,63}\)";
/// An expression that Argo replaces before the plugin sees the step.
const EXPRESSION: &str = r"\{\{";

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepPlace {
    /// A step by itself, as the plugin gets it.
    Alone,
    /// An entry of `steps`, as the plugin gets it: a reference may stand in any string.
    Entry,
    /// A step or an entry in a file that Argo still has to read: an expression may stand in any string.
    File,
}

impl StepPlace {
    /// The keywords of a string that matches `pattern`, or that contains what is replaced later.
    pub(super) fn string(self, pattern: Option<&str>) -> Value {
        let replaced = match self {
            Self::Alone => None,
            Self::Entry => Some(REFERENCE.to_owned()),
            Self::File => Some(format!("{EXPRESSION}|{REFERENCE}")),
        };
        let pattern = match (pattern, replaced) {
            (Some(pattern), Some(replaced)) => Some(format!("{pattern}|{replaced}")),
            (pattern, _) => pattern.map(str::to_owned),
        };
        let mut string = json!({"type": "string"});
        if let Some(pattern) = pattern {
            string["pattern"] = json!(pattern);
        }
        if let Some(left) = self.refused() {
            string["not"] = json!({"type": "string", "pattern": left});
        }
        string
    }

    /// The keywords of a string with JSON that begins with `opening` and may hold entries of `steps`, and so references.
    pub(super) fn json(self, opening: char) -> Value {
        let pattern = format!(r"^\s*\{opening}");
        match self {
            Self::File => self.string(Some(&pattern)),
            Self::Alone | Self::Entry => {
                json!({"type": "string", "pattern": pattern, "not": {"type": "string", "pattern": EXPRESSION}})
            }
        }
    }

    /// What a string must not contain.
    fn refused(self) -> Option<String> {
        match self {
            Self::Alone => Some(format!("{EXPRESSION}|{REFERENCE}")),
            Self::Entry => Some(EXPRESSION.to_owned()),
            Self::File => None,
        }
    }

    /// The schema of a key that the user chooses: it is not empty, and nothing is replaced in it.
    pub(super) fn key(self) -> Value {
        json!({"minLength": 1, "not": {"pattern": format!("{EXPRESSION}|{REFERENCE}")}})
    }
}
