//! The reasons why an edit is refused, and their messages.

mod missing;
mod positions;
mod problem;
mod refusal;

use crate::outcome::Fault;

pub use missing::{Hint, Missing};
pub use positions::{NamedPositions, Position};
pub use problem::FileProblem;
pub use refusal::Refusal;

/// Why nothing was written. The caller adds the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file as a whole cannot be edited.
    #[error("{place}: the file {problem}")]
    File {
        /// Where the problem is.
        place: Position,
        /// The problem.
        problem: FileProblem,
    },
    /// The value must not be written there.
    #[error("`{path}` cannot be set to {value:?}: {reason}")]
    Value {
        /// The edit's path.
        path: String,
        /// The edit's value.
        value: String,
        /// The problem with the value, and what to write instead.
        reason: String,
    },
    /// The scalar does not exist, is not a single value, or must not be changed.
    #[error("{place}: `{path}` {refusal}")]
    Refused {
        /// The edit's path.
        path: String,
        /// The position to look at.
        place: Position,
        /// The reason.
        refusal: Refusal,
    },
    /// The result did not pass the proof.
    #[error(
        "{place}: the edit of `{path}` did not pass its proof, so nothing was written; this is a bug, please report it with the file"
    )]
    Unproven {
        /// The first edit's path.
        path: String,
        /// The first difference between the old and the new file.
        place: Position,
    },
}

impl EditError {
    /// Says whose fault the error is: the user's, unless the proof failed.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unproven { .. } => Fault::Ours,
            Self::File { .. } | Self::Value { .. } | Self::Refused { .. } => Fault::User,
        }
    }
}
