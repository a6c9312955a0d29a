//! Reads what a `sync` step does when the deployment of its commit has failed.

use super::{GitOps, OnDegraded, Revert};
use crate::step::InvalidStep;
use crate::step::files;
use crate::step::node::Fields;
use crate::step::update_manifest::{Committing, DEFAULT_BRANCH, committing};

pub(super) const ON_DEGRADED: &[(&str, bool)] = &[("fail", false), ("revert", true)];

const NEEDS_APPLICATION: &str =
    "is `revert`, which works with Argo CD only; name an Application in `applications`";

/// Reads `on-degraded`, and the fields of the commit that it may make. Without `revert` they are only checked, because a template
/// may have a parameter that chooses.
pub(super) fn on_degraded(
    fields: &mut Fields<'_>,
    enabled: bool,
    has_application: bool,
    gitops: Option<&GitOps>,
) -> Result<OnDegraded, InvalidStep> {
    let reverts = fields.optional("on-degraded").map(|node| node.one_of(ON_DEGRADED)).transpose()?;
    let branch = fields.optional("branch").map(|node| node.checked(files::branch)).transpose()?;
    let Committing { author, committer, signing_key } = committing(fields)?;
    if !enabled || !reverts.unwrap_or(false) {
        return Ok(OnDegraded::Fail);
    }
    if !has_application {
        return Err(fields.refuse("on-degraded", NEEDS_APPLICATION));
    }
    let Some(gitops) = gitops else {
        return Err(
            fields.refuse("repo", "is missing; `on-degraded: revert` commits to the GitOps repository")
        );
    };
    let branch = branch.unwrap_or_else(|| DEFAULT_BRANCH.into());
    let gitops = gitops.clone();
    Ok(OnDegraded::Revert(Box::new(Revert { gitops, branch, author, committer, signing_key })))
}
