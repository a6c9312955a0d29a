//! Converts the clients' errors to step errors: who has to act, and the message.

use super::secret_rules::SecretRefused;
use crate::argocd::ArgoCdError;
use crate::forge::ForgeError;
use crate::git::GitError;
use crate::kube::{KubeError, SecretError, SubmitError, WorkflowsError};
use crate::notify::NotifyError;
use crate::oci::OciError;
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

impl From<ArgoCdError> for StepError {
    fn from(error: ArgoCdError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<KubeError> for StepError {
    fn from(error: KubeError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<ForgeError> for StepError {
    fn from(error: ForgeError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<NotifyError> for StepError {
    fn from(error: NotifyError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<OciError> for StepError {
    fn from(error: OciError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<SecretError> for StepError {
    fn from(error: SecretError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<SecretRefused> for StepError {
    fn from(refused: SecretRefused) -> Self {
        Self::user(refused)
    }
}

impl From<SubmitError> for StepError {
    fn from(error: SubmitError) -> Self {
        Self::new(error.fault(), error)
    }
}

impl From<WorkflowsError> for StepError {
    fn from(error: WorkflowsError) -> Self {
        Self::new(error.fault(), error)
    }
}
