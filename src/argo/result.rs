//! The result of a node.

use serde::Serialize;

use crate::jobs::{Ending, Phase, View};
use crate::outcome::{Fault, Outputs};
use crate::text;

/// The longest message, in bytes. Known long messages were cut before; this limit is for unforeseen ones.
const LONGEST: usize = 40 << 10;

/// The message of a job that is not queued yet.
const HELD: &str = "waiting: argo-buildkit was killed a moment ago, and the steps that ran then begin again before others, one \
     after the other";

/// Argo's `NodeResult`. The message is never empty: Argo merges results, and an empty message would leave the
/// previous one in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeResult {
    /// The phase of the node.
    pub phase: NodePhase,
    /// The message of the node.
    pub message: String,
    /// The outputs; `None` while the node runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<NodeOutputs>,
}

/// The node phases that a plugin may answer with; any other string hangs the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NodePhase {
    /// The step waits.
    Pending,
    /// The step runs.
    Running,
    /// The step succeeded.
    Succeeded,
    /// The step failed, and the user must act.
    Failed,
    /// The step failed because of a server or a bug.
    Error,
}

impl NodePhase {
    /// Argo's name of the phase.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Error => "Error",
        }
    }

    /// Whether `phase`, in Argo's spelling, is final.
    pub fn is_end(phase: &str) -> bool {
        matches!(phase, "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct NodeOutputs {
    parameters: Vec<Parameter>,
    #[serde(rename = "exitCode", skip_serializing_if = "Option::is_none")]
    exit_code: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Parameter {
    name: String,
    value: String,
}

impl NodeResult {
    /// The result for a job's view; the template declares the outputs `declared`.
    pub fn of(view: &View, declared: &[String]) -> Self {
        match &view.phase {
            Phase::Queued(position) => {
                let whose = if position.of_group { " of its namespace's" } else { "" };
                let message =
                    format!("waiting for a free slot{whose}, number {} in the queue", position.number);
                Self::ongoing(NodePhase::Pending, message)
            }
            Phase::Held => Self::ongoing(NodePhase::Pending, HELD.to_owned()),
            Phase::Running(progress) => Self::ongoing(NodePhase::Running, progress.line(view.elapsed)),
            Phase::Done(ending) => Self::ended(ending, declared),
        }
    }

    /// The final result of a job. It has all declared outputs, because a dependent task would hang without one.
    pub fn ended(ending: &Ending, declared: &[String]) -> Self {
        match ending {
            Ok(success) => {
                let mut outputs: Outputs =
                    declared.iter().map(|name| (name.clone(), String::new())).collect();
                outputs.extend(success.outputs.clone());
                Self::end(NodePhase::Succeeded, success.summary.clone(), outputs, None)
            }
            Err(error) => {
                let phase = if error.fault == Fault::User { NodePhase::Failed } else { NodePhase::Error };
                Self::end(phase, error.message.clone(), error.outputs.clone(), error.exit_code)
            }
        }
    }

    /// Adds the command that prints the whole log of a build to the message. The shared agent needs it because there
    /// is no pod whose log a user could read.
    pub fn naming_log(mut self, ending: &Ending) -> Self {
        let log = ending.as_ref().ok().and_then(|success| success.outputs.get("log"));
        if let Some(log) = log.filter(|log| !log.is_empty()) {
            self.message.push_str(&format!("; log: argo-buildkit log {log}"));
        }
        self
    }

    /// The final result of a step that was not started or has no outputs.
    pub fn failed(message: impl ToString) -> Self {
        Self::end(NodePhase::Failed, message.to_string(), Outputs::new(), None)
    }

    fn ongoing(phase: NodePhase, message: String) -> Self {
        Self { phase, message: plain(&message), outputs: None }
    }

    fn end(phase: NodePhase, message: String, outputs: Outputs, exit_code: Option<i32>) -> Self {
        let parameters = outputs.into_iter().map(|(name, value)| Parameter { name, value }).collect();
        let outputs = NodeOutputs { parameters, exit_code: exit_code.map(|code| code.to_string()) };
        Self { phase, message: plain(&message), outputs: Some(outputs) }
    }
}

/// Cleans a message. All text for Argo passes here, wherever it comes from.
fn plain(message: &str) -> String {
    text::cut(text::lines(message), LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Success;

    #[test]
    fn a_build_with_a_log_names_the_command_that_prints_it() {
        let outputs = |log: &str| Outputs::from([("log".to_owned(), log.to_owned())]);
        let said = |log: &str| {
            let ending: Ending = Ok(Success { summary: "pushed r.io/a".to_owned(), outputs: outputs(log) });
            NodeResult::ended(&ending, &[]).naming_log(&ending).message
        };
        assert_eq!(said("r.io/a@sha256:1"), "pushed r.io/a; log: argo-buildkit log r.io/a@sha256:1");
        assert_eq!(said(""), "pushed r.io/a");
    }
}
