//! Reads the fields of `sync`.

use std::time::Duration;

use super::lists::{applications, images, workloads};
use super::revert::on_degraded;
use super::table::SYNC;
use super::{GitOps, Sync};
use crate::duration::{LONGEST, parse_go_duration};
use crate::step::InvalidStep;
use crate::step::git_login::git_login;
use crate::step::names;
use crate::step::node::{Fields, Node};

/// How long pods may be in trouble, unless the step says otherwise.
const STUCK_AFTER: Duration = Duration::from_secs(120);

const MISSING: &str = "is missing; name an Argo CD Application, or a workload in `workloads`";
const NOTHING: &str = "names no Application, and `workloads` no workload; name at least one of them";

/// Reads the value under `sync`.
pub(in crate::step) fn read(node: Node<'_>) -> Result<Sync, InvalidStep> {
    let mut fields = node.fields(SYNC)?;
    let enabled = fields.switch("enabled", true)?;
    if enabled && !fields.has("applications") && !fields.has("workloads") {
        return Err(fields.refuse("applications", MISSING));
    }
    let applications = fields.or_default("applications", applications)?;
    let workloads = fields.or_default("workloads", workloads)?;
    if enabled && applications.is_empty() && workloads.is_empty() {
        return Err(fields.refuse("applications", NOTHING));
    }
    let mut commit_at = |name| match fields.optional(name) {
        Some(node) => {
            node.checked_unless_empty(|word| names::commit(word, "such as $(update-manifest.commit)"))
        }
        None => Ok(None),
    };
    let (commit, superseded_by) = (commit_at("commit")?, commit_at("superseded-by")?);
    let gitops = gitops(&mut fields)?;
    let on_degraded = on_degraded(&mut fields, enabled, !applications.is_empty(), gitops.as_ref())?;
    Ok(Sync {
        enabled,
        applications,
        workloads,
        commit,
        images: fields.or_default("images", images)?,
        gitops,
        superseded_by,
        start_sync: fields.switch("start-sync", false)?,
        stop_older_sync: fields.switch("stop-older-sync", false)?,
        stuck_after: fields.optional("stuck-after").map(pause).transpose()?.unwrap_or(STUCK_AFTER),
        on_degraded,
    })
}

fn gitops(fields: &mut Fields<'_>) -> Result<Option<GitOps>, InvalidStep> {
    if fields.has("repo") {
        let (repo, secret) = git_login(fields)?;
        return Ok(Some(GitOps { repo, secret }));
    }
    match fields.has("secret") {
        true => {
            Err(fields
                .refuse("secret", "is used with `repo`, which is not there; name the GitOps repository"))
        }
        false => Ok(None),
    }
}

fn pause(node: Node<'_>) -> Result<Duration, InvalidStep> {
    node.checked(|text| {
        let pause = parse_go_duration(text).filter(|pause| !pause.is_zero() && *pause <= LONGEST);
        pause.ok_or_else(|| "is not a duration such as `90s` or `5m`".to_owned())
    })
}
