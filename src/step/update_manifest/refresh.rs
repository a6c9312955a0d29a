//! The Argo CD Application to refresh after the commit.

use super::table::REFRESH;
use super::{Mode, UpdateManifest};
use crate::argocd::{Application, DEFAULT_NAMESPACE};
use crate::step::InvalidStep;
use crate::step::names::{is_map, object_name};
use crate::step::node::{Fields, Node};

/// Reads `{application, namespace}`, or the application alone as a string.
pub(super) fn read(node: Node<'_>) -> Result<Application, InvalidStep> {
    let default = || DEFAULT_NAMESPACE.to_owned();
    if !is_map(&node) {
        return Ok(Application { name: node.checked(object_name)?, namespace: default() });
    }
    let mut fields = node.fields(REFRESH)?;
    let application = fields.required("application")?.checked(object_name)?;
    let namespace = fields.optional("namespace").map(|node| node.checked(object_name)).transpose()?;
    Ok(Application { name: application, namespace: namespace.unwrap_or_else(default) })
}

/// Checks that the commit goes to the branch, since Argo CD follows the branch.
pub(super) fn check(update: &UpdateManifest, fields: &Fields<'_>) -> Result<(), InvalidStep> {
    let why = match (&update.refresh, &update.mode, update.commit) {
        (None, ..) => return Ok(()),
        (_, Mode::PullRequest(_), _) => "`mode: pull-request`, which commits nothing to the branch",
        (_, _, false) => "`commit: false`, which commits nothing",
        _ => return Ok(()),
    };
    Err(fields.refuse("refresh", format!("cannot be used with {why}; remove one of them")))
}
