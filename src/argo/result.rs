//! A node's result.

use serde::Serialize;

use crate::jobs::{Ending, Phase, View};
use crate::outcome::{Fault, Outputs};
use crate::text;

/// The longest message, in bytes. What is longer has been cut before, but for what nobody has foreseen.
const LONGEST: usize = 40 << 10;

/// Said of a job that does not queue yet.
const HELD: &str = "waiting: argo-buildkit was killed a moment ago, and the steps that ran then begin again before others, one \
     after the other";

/// `NodeResult`. The message is never empty: Argo merges it, and an empty one would leave the last in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeResult {
    /// Where the node stands.
    pub phase: NodePhase,
    /// What is to be said of it.
    pub message: String,
    /// What it made; nothing while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<NodeOutputs>,
}

/// The node phases that a plugin may answer with; any other string hangs the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NodePhase {
    /// It waits.
    Pending,
    /// It works.
    Running,
    /// It did what it says.
    Succeeded,
    /// The user's turn.
    Failed,
    /// Somebody else's.
    Error,
}

impl NodePhase {
    /// As Argo spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Error => "Error",
        }
    }

    /// Whether `phase`, as Argo spells it, is an end.
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
    /// A job's view, for a template that declares the outputs `declared`.
    pub fn of(view: &View, declared: &[String]) -> Self {
        match &view.phase {
            Phase::Queued(place) => {
                let whose = if place.of_group { " of its namespace's" } else { "" };
                let message = format!("waiting for a free slot{whose}, number {} in the queue", place.number);
                Self::ongoing(NodePhase::Pending, message)
            }
            Phase::Held => Self::ongoing(NodePhase::Pending, HELD.to_owned()),
            Phase::Running(progress) => Self::ongoing(NodePhase::Running, progress.line(view.elapsed)),
            Phase::Done(ending) => Self::ended(ending, declared),
        }
    }

    /// The end of a job. Declared outputs are all there, or a dependent task would hang.
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

    /// The same with the command that prints the whole log of a build, where no pod is there to be asked for it.
    pub fn naming_log(mut self, ending: &Ending) -> Self {
        let log = ending.as_ref().ok().and_then(|success| success.outputs.get("log"));
        if let Some(log) = log.filter(|log| !log.is_empty()) {
            self.message.push_str(&format!("; log: argo-buildkit log {log}"));
        }
        self
    }

    /// The end of what never began, or has no outputs to show.
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

/// The last place before Argo, whichever way the text came.
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
