//! `when` of an entry of `steps`: whether the entry runs.

use std::collections::BTreeMap;
use std::fmt;

use crate::outcome::Outputs;
use crate::text;

/// The most bytes of an output in a message.
const SHOWN: usize = 60;

/// Whether an entry runs. There is no expression language: what can be said is a bool, or one output that is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// Always or never.
    Is(bool),
    /// If an output of an earlier entry is `true`.
    Output {
        /// The earlier entry.
        entry: String,
        /// Its output.
        output: String,
    },
}

impl When {
    /// Whether the entry may be skipped.
    pub(super) fn may_skip(&self) -> bool {
        *self != Self::Is(true)
    }

    /// Whether the entry runs, by the outputs of the entries before it. An output that does not apply is empty, and
    /// counts as false.
    pub(super) fn holds(&self, outputs: &BTreeMap<String, Outputs>) -> Result<bool, String> {
        match self {
            Self::Is(value) => Ok(*value),
            Self::Output { entry, output } => {
                match outputs.get(entry).and_then(|of| of.get(output)).map(String::as_str) {
                    Some("true") => Ok(true),
                    Some("false" | "") | None => Ok(false),
                    Some(other) => {
                        let shown = text::brief(other, SHOWN);
                        Err(format!("{self} is \"{shown}\", and not true or false"))
                    }
                }
            }
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "`{value}`"),
            Self::Output { entry, output } => write!(f, "`$({entry}.{output})`"),
        }
    }
}
