//! Writes files through a forge's API, without Git.

use super::commit::{CreatedCommit, FilesWrite};
use super::error::ForgeError;
use super::gitea;
use super::repository::Dialect;
use super::writable::WritableRepository;

pub(super) async fn write(
    repo: &WritableRepository,
    write: &FilesWrite,
) -> Result<CreatedCommit, ForgeError> {
    match repo.client.repository.dialect() {
        Dialect::Gitea => gitea::contents::write(&repo.client, write).await,
        Dialect::GitHub => Err(ForgeError::Refused {
            at: repo.client.at(),
            why: "GitHub's contents API writes one file per commit, without a lock on the others; push with Git \
                  instead, the same token may"
                .to_owned(),
        }),
    }
}
