//! The only error type of this room.

use std::fmt;

use crate::outcome::{Fault, StepError};
use crate::text;

/// The maximum bytes of a field's path and of the problem's text. Both repeat the user's input.
const LONGEST: (usize, usize) = (400, 2000);

/// A mistake in a step, and the field that has it. It is always the user's fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidStep {
    /// The field's path from the kind down, such as `build.tags[0]`; empty for the body itself.
    pub field: String,
    /// The problem and what to write; one sentence that follows a colon.
    pub problem: String,
}

impl InvalidStep {
    pub(super) fn new(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        let (field, problem) = (text::brief(&field.into(), LONGEST.0), problem.to_string());
        Self { field, problem: text::cut(text::line(text::head(&problem, 4 * LONGEST.1)), LONGEST.1) }
    }

    /// Says whose fault the error is: always the user's, because retrying a wrong step does not help.
    pub fn fault(&self) -> Fault {
        Fault::User
    }
}

impl fmt::Display for InvalidStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.problem),
            field => write!(f, "{field}: {}", self.problem),
        }
    }
}

impl std::error::Error for InvalidStep {}

impl From<InvalidStep> for StepError {
    fn from(invalid: InvalidStep) -> Self {
        Self::user(invalid)
    }
}
