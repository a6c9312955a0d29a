//! How a step ends: its outputs, or an error typed by what the caller does next.

use std::collections::BTreeMap;
use std::fmt;

/// A step's output parameters, by name.
pub type Outputs = BTreeMap<String, String>;

/// A step that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Success {
    /// One line for the node's message: what was made.
    pub summary: String,
    /// Every output that the step's kind produces.
    pub outputs: Outputs,
}

/// Whose turn it is after a failure; Argo's node phase and `retryPolicy` follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The step, its sources or its rights are wrong: running it again changes nothing (`Failed`).
    User,
    /// A server was away or overloaded: running it again may help (`Error`).
    Transient,
    /// A bug here (`Error`).
    Ours,
}

/// A failed step: whose fault, what to say, and the outputs that exist nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError {
    /// What the caller does next.
    pub fault: Fault,
    /// What was attempted, on what, why it failed, what to do.
    pub message: String,
    /// Outputs that a failed step still has, such as `log-tail`.
    pub outputs: Outputs,
    /// The exit code of the process that failed; Argo's `lastRetry.exitCode`.
    pub exit_code: Option<i32>,
}

impl StepError {
    /// An error of the user's, as its message.
    pub fn user(message: impl fmt::Display) -> Self {
        Self::new(Fault::User, message)
    }

    /// An error that may pass.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(Fault::Transient, message)
    }

    /// An error with no outputs and no exit code.
    pub fn new(fault: Fault, message: impl fmt::Display) -> Self {
        Self { fault, message: message.to_string(), outputs: Outputs::new(), exit_code: None }
    }
}

/// What to do about a server that was away or in trouble, at the end of a text that names it.
pub const AGAIN: &str = "run the step again; if it stays so, look at that server and at the way to it (DNS, NetworkPolicy, proxy)";

/// An error's text without [`AGAIN`], to stand in the text of another error that says what to do.
pub(crate) fn without_advice(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.strip_suffix(AGAIN).map_or(text.as_str(), |text| text.trim_end_matches("; ")).to_owned()
}

/// `: ` and the causes of what was said before, or nothing.
pub(crate) fn because(cause: Option<&(dyn std::error::Error + 'static)>) -> String {
    cause.map_or_else(String::new, |cause| format!(": {}", chain(cause)))
}

/// An error and all its causes, in one line: each layer's text says that layer alone.
pub fn chain(error: &dyn std::error::Error) -> String {
    let layers = std::iter::successors(Some(error), |error| error.source());
    layers.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
