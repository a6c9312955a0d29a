//! Where a repository's branches are.

use crate::git::push::ReceivePack;
use crate::git::read::{Reader, Tips};
use crate::git::{Credentials, Git, GitError};

/// Reads it. Who `pushes` is told by the service that takes the push, which is one question less; it comes with the answer.
pub(super) async fn look(
    git: &Git,
    reader: &mut Reader,
    pushes: bool,
) -> Result<(Tips, Option<ReceivePack>), GitError> {
    if pushes && !matches!(reader.branches().credentials, Credentials::Anonymous) {
        let branches = reader.branches().clone();
        match ReceivePack::open(git, &branches).await {
            Ok(open) => {
                if let Some(tips) = open.tips(&branches) {
                    reader.forget_old_refs();
                    return Ok((tips, Some(open)));
                }
            }
            // A login that may only read may find that there is nothing to push. One that is refused is not tried twice:
            // servers count.
            Err(error) if error.is_unavailable() || matches!(error, GitError::Login { .. }) => {
                return Err(error);
            }
            Err(error) => tracing::debug!(%error, "reading the branch as one who may not push"),
        }
    }
    Ok((reader.tips().await?, None))
}
