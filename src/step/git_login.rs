//! The fields `repo` and `secret` of steps that use a Git repository.

use super::node::Fields;
use super::{InvalidStep, SecretRef};
use crate::git::RepoUrl;

/// The repository, and the login that it needs.
pub(super) fn git_login(fields: &mut Fields<'_>) -> Result<(RepoUrl, Option<SecretRef>), InvalidStep> {
    let repo = fields.required("repo")?.parsed::<RepoUrl>()?;
    let secret = fields.optional("secret").map(SecretRef::read).transpose()?;
    match repo.is_ssh() && secret.is_none() {
        true => Err(fields.refuse("secret", "is missing; an ssh repository needs a key")),
        false => Ok((repo, secret)),
    }
}
