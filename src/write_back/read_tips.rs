//! Reads the tips of a repository's branches.

use crate::git::push::ReceivePack;
use crate::git::read::{BranchReader, BranchTips};
use crate::git::{Credentials, Git, GitError};

/// Reads the tips. If the caller `pushes`, they come from `git-receive-pack`, which saves a request; its connection
/// is returned too.
pub(super) async fn read_tips(
    git: &Git,
    reader: &mut BranchReader,
    pushes: bool,
) -> Result<(BranchTips, Option<ReceivePack>), GitError> {
    if pushes && !matches!(reader.branches().credentials, Credentials::Anonymous) {
        let branches = reader.branches().clone();
        match ReceivePack::open(git, &branches).await {
            Ok(open) => {
                if let Some(tips) = open.tips(&branches) {
                    reader.drop_stateful_session();
                    return Ok((tips, Some(open)));
                }
            }
            // A login without the right to push may still find that nothing has to be pushed. A refused login is not
            // tried twice, because servers count failed logins.
            Err(error) if error.is_unavailable() || matches!(error, GitError::Login { .. }) => {
                return Err(error);
            }
            Err(error) => tracing::debug!(%error, "reading the branch as one who may not push"),
        }
    }
    Ok((reader.tips().await?, None))
}
