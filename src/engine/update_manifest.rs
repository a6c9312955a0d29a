//! stub
use super::Engine;
use super::context::Cx;
use crate::git::GitError;
use crate::outcome::{StepError, Success};
use crate::step::UpdateManifest;
pub(super) async fn run(_e: &Engine, _u: &UpdateManifest, _cx: &Cx) -> Result<Success, StepError> {
    Err(StepError::user("stub"))
}
impl From<GitError> for StepError {
    fn from(error: GitError) -> Self {
        Self::new(error.fault(), error)
    }
}
