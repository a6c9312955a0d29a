//! The outputs of `notify`, and its line for the node's message.

use crate::engine::sanitize::without_expressions;
use crate::notify::Delivered;
use crate::outcome::{Outputs, StepError, Success};

/// The message was sent to `channel`.
pub(super) fn sent(channel: &str, delivered: Delivered) -> Success {
    let together = delivered.together;
    let summary = match together {
        1 => format!("sent a message to {channel}"),
        _ => format!("sent a message to {channel}, with {} others in one digest", together - 1),
    };
    Success { summary, outputs: outputs("true", &together.to_string(), "") }
}

/// The message was not sent, and the step succeeds nevertheless.
pub(super) fn ignored(channel: &str, error: &StepError) -> Success {
    let problem = without_expressions(error.message.clone());
    let summary = format!("sent no message to {channel} (`ignore-error`): {problem}");
    Success { summary, outputs: outputs("false", "", &problem) }
}

/// The error, with the outputs that a failed step has.
pub(super) fn failed(error: StepError) -> StepError {
    let problem = without_expressions(error.message.clone());
    StepError { outputs: outputs("false", "", &problem), ..error }
}

/// The step is off.
pub(super) fn off() -> Success {
    Success { summary: "messages are off".to_owned(), outputs: outputs("false", "", "") }
}

fn outputs(notified: &str, together: &str, problem: &str) -> Outputs {
    let outputs = [("notified", notified), ("together", together), ("notify-problem", problem)];
    Outputs::from(outputs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}
