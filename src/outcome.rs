//! The outcome of a step: its outputs, or an error with a type that says who must act.

use std::collections::BTreeMap;
use std::fmt;

/// A step's output parameters, by name.
pub type Outputs = BTreeMap<String, String>;

/// A step that succeeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Success {
    /// One line for the node's message that says what was made.
    pub summary: String,
    /// All outputs of the step's kind.
    pub outputs: Outputs,
}

/// Names the party that must act after a failure. Argo's node phase and `retryPolicy` depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The step, its sources or its rights are wrong: running it again changes nothing (`Failed`).
    User,
    /// A server was unavailable or overloaded: running it again may help (`Error`).
    Transient,
    /// A bug in argo-buildkit (`Error`).
    Ours,
}

/// The error of a failed step: who must act, the message, and the outputs that exist nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError {
    /// The party that must act.
    pub fault: Fault,
    /// The attempted operation, its object, why it failed, and what to do.
    pub message: String,
    /// The outputs that a failed step still has, such as `log-tail`.
    pub outputs: Outputs,
    /// The exit code of the process that failed; Argo's `lastRetry.exitCode`.
    pub exit_code: Option<i32>,
}

impl StepError {
    /// An error that the user must fix.
    pub fn user(message: impl fmt::Display) -> Self {
        Self::new(Fault::User, message)
    }

    /// A temporary error.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(Fault::Transient, message)
    }

    /// An error with no outputs and no exit code.
    pub fn new(fault: Fault, message: impl fmt::Display) -> Self {
        Self { fault, message: message.to_string(), outputs: Outputs::new(), exit_code: None }
    }
}

/// The advice about a server that was unavailable or had a problem. It stands at the end of a text that names the
/// server.
pub const AGAIN: &str = "run the step again; if it stays so, look at that server and at the way to it (DNS, NetworkPolicy, proxy)";

/// The text of an error without [`AGAIN`], for use within the text of another error that says what to do.
pub(crate) fn without_advice(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.strip_suffix(AGAIN).map_or(text.as_str(), |text| text.trim_end_matches("; ")).to_owned()
}

/// Returns `: ` and the causes of an error, or an empty string if there are none.
pub(crate) fn because(cause: Option<&(dyn std::error::Error + 'static)>) -> String {
    cause.map_or_else(String::new, |cause| format!(": {}", chain(cause)))
}

/// The text of an error and all its causes, in one line. The text of each cause is about that cause only.
pub fn chain(error: &dyn std::error::Error) -> String {
    let layers = std::iter::successors(Some(error), |error| error.source());
    layers.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
