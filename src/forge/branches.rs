//! Reads a branch's rules through a forge's API.

use http::{Method, StatusCode};
use serde::Deserialize;

use super::client::ForgeClient;
use super::error::ForgeError;

/// The rules of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// Whether a rule protects the branch.
    pub protected: bool,
    /// Whether the token's owner may push to the branch. GitHub does not tell.
    pub user_can_push: Option<bool>,
}

/// Reads the branch `name`; `None` if there is no such branch.
pub(super) async fn read(client: &ForgeClient, name: &str) -> Result<Option<Branch>, ForgeError> {
    let segments: Vec<_> = std::iter::once("branches").chain(name.split('/')).collect();
    let answer = client.send(&client.call(Method::GET, &segments)).await?;
    match answer.status {
        StatusCode::NOT_FOUND => Ok(None),
        _ => Ok(Some(answer.ok()?.json()?)),
    }
}
