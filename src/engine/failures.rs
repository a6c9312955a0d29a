//! What the clients' errors are to a step: whose turn it is, and what to say.

use super::secret_rules::NotForThis;
use crate::forge::ForgeError;
use crate::git::GitError;
use crate::kube::{SecretError, WorkflowsError};
use crate::outcome::StepError;
use crate::write_back::WriteError;

impl From<GitError> for StepError {
    fn from(error: GitError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<WriteError> for StepError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Git(error) => error.into(),
            WriteError::Edit(error) => error,
        }
    }
}

impl From<ForgeError> for StepError {
    fn from(error: ForgeError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<SecretError> for StepError {
    fn from(error: SecretError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<NotForThis> for StepError {
    fn from(refused: NotForThis) -> Self {
        Self::user(refused)
    }
}

impl From<WorkflowsError> for StepError {
    fn from(error: WorkflowsError) -> Self {
        Self::new(error.fault(), error)
    }
}
