//! Files written through a forge's API, without Git.

use super::commit::{FilesWrite, Written};
use super::error::ForgeError;
use super::gitea;
use super::place::Place;
use super::repository::Dialect;

pub(super) async fn write(place: &Place, write: &FilesWrite) -> Result<Written, ForgeError> {
    match place.talk.repository.dialect() {
        Dialect::Gitea => gitea::contents::write(&place.talk, write).await,
        Dialect::GitHub => Err(ForgeError::Refused {
            at: place.talk.at(),
            why: "GitHub's contents API writes one file per commit, without a lock on the others; push with Git \
                  instead, the same token may"
                .to_owned(),
        }),
    }
}
