//! Secrets and ssh keys that a `RUN` may mount.

use std::collections::HashSet;

use super::super::node::{Fields, Node};
use super::super::{InvalidStep, SecretKey, SecretRef};
use super::BuildSecret;
use super::table::{SECRETS, SSH};
use crate::step::FieldTable;

/// `secrets`.
pub(super) fn secrets(node: Node<'_>) -> Result<Vec<BuildSecret>, InvalidStep> {
    mounted(node, SECRETS, |fields| {
        let id = fields.required("id")?.word()?;
        Ok(BuildSecret { id, secret: SecretKey::read(fields.required("secret")?)? })
    })
}

/// The default id and key, as with buildctl's `--ssh default`.
const DEFAULT_SSH: &str = "default";
/// The key of a `kubernetes.io/ssh-auth` Secret.
pub(crate) const SSH_PRIVATE_KEY: &str = "ssh-privatekey";

/// `ssh`.
pub(super) fn ssh(node: Node<'_>) -> Result<Vec<BuildSecret>, InvalidStep> {
    mounted(node, SSH, |fields| {
        let id = fields.optional("id").map(Node::word).transpose()?.unwrap_or_else(|| DEFAULT_SSH.into());
        let SecretRef { name, key } = SecretRef::read(fields.required("secret")?)?;
        let key = key.unwrap_or_else(|| SSH_PRIVATE_KEY.into());
        Ok(BuildSecret { id, secret: SecretKey { name, key } })
    })
}

/// A list of `{id, secret}`, each id once.
fn mounted<'a>(
    node: Node<'a>,
    table: &'static FieldTable,
    read: impl Fn(&mut Fields<'a>) -> Result<BuildSecret, InvalidStep>,
) -> Result<Vec<BuildSecret>, InvalidStep> {
    let (mut all, mut ids) = (Vec::new(), HashSet::new());
    for item in node.list()? {
        let mut fields = item.fields(table)?;
        let secret = read(&mut fields)?;
        if !ids.insert(secret.id.clone()) {
            return Err(fields.refuse("id", "is used by another one of this build"));
        }
        all.push(secret);
    }
    Ok(all)
}
