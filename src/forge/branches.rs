//! A branch's rules, as a forge's API tells them.

use http::{Method, StatusCode};
use serde::Deserialize;

use super::error::ForgeError;
use super::talk::Talk;

/// What a forge says of one branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// Whether rules protect it.
    pub protected: bool,
    /// Whether the token's owner may push to it; GitHub does not tell.
    pub user_can_push: Option<bool>,
}

/// The branch `name`; none if there is no such branch.
pub(super) async fn read(talk: &Talk, name: &str) -> Result<Option<Branch>, ForgeError> {
    let segments: Vec<_> = std::iter::once("branches").chain(name.split('/')).collect();
    let answer = talk.send(&talk.call(Method::GET, &segments)).await?;
    match answer.status {
        StatusCode::NOT_FOUND => Ok(None),
        _ => Ok(Some(answer.ok()?.json()?)),
    }
}
