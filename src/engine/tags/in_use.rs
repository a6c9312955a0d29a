//! The images that files of GitOps branches name.

mod used;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Engine;
use super::super::context::Cx;
use crate::git::Git;
use crate::git::read::Branches;
use crate::limits::yaml_memory;
use crate::outcome::{Fault, StepError};
use crate::step::tags::InUse;
pub(super) use used::UsedImages;
use used::Wanted;

/// A branch that was read, and its commit.
pub(super) struct ReadBranch {
    branches: Branches,
    tip: String,
}

/// Reads the files of `in-use`. Words that are neither one of `tags` nor a digest are dropped.
///
/// # Errors A branch or a file cannot be read: what it uses is not known then.
pub(super) async fn read(
    engine: &Engine,
    in_use: &[InUse],
    tags: &[String],
    cx: &Cx,
) -> Result<(UsedImages, Vec<ReadBranch>), StepError> {
    let (wanted, mut used, mut read) = (Arc::new(Wanted::of(tags)), UsedImages::default(), Vec::new());
    let git = engine.tenant_git(cx);
    for InUse { repo, branch, files, secret } in in_use {
        cx.now(format!("reading {repo}, branch {branch}"));
        let credentials = engine.git_credentials(cx, repo, secret.as_ref()).await?;
        let branches = Branches { repo: repo.clone(), credentials, base: branch.clone(), head: None };
        let found = git.branch_files(&branches, files).await.map_err(|error| unread(error.into()))?;
        used = with(used, &wanted, &git, &branches, found.files).await?;
        read.push(ReadBranch { branches, tip: found.tip });
    }
    Ok((used, read))
}

/// `used` with what `files` of a branch name. They are anybody's who may push there, and up to 10 MiB each: so they are parsed on a
/// blocking thread, one after another, and in the tenant's share of the memory, as when they are edited.
async fn with(
    mut used: UsedImages,
    wanted: &Arc<Wanted>,
    git: &Git,
    branches: &Branches,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<UsedImages, StepError> {
    let Branches { repo, base: branch, .. } = branches;
    for (path, bytes) in files {
        let bad = |why: String| unread(StepError::user(format!("{repo}, branch {branch}, {path}: {why}")));
        let held = git.memory().work(yaml_memory(bytes.len())).await.map_err(|e| bad(e.to_string()))?;
        let wanted = Arc::clone(wanted);
        let place = format!("{path} on branch {branch} of {repo}");
        let parse = move || {
            let _held = held;
            used.read(&wanted, &bytes, &place).map(|()| used)
        };
        let broken = |e| unread(StepError::new(Fault::Ours, format!("reading {path} broke off: {e}")));
        used = tokio::task::spawn_blocking(parse).await.map_err(broken)?.map_err(bad)?;
    }
    Ok(used)
}

/// Checks that no branch has moved since it was read.
pub(super) async fn check_unmoved(engine: &Engine, read: &[ReadBranch], cx: &Cx) -> Result<(), StepError> {
    let git = engine.tenant_git(cx);
    for ReadBranch { branches, tip } in read {
        if git.branch_tip(branches).await.map_err(|error| unread(error.into()))? != *tip {
            return Err(StepError::transient(format!(
                "branch {} of {} moved while the plan was made, and may use other images now; nothing more is deleted, run the step again",
                branches.base, branches.repo
            )));
        }
    }
    Ok(())
}

/// Nothing is deleted while it is not known what is in use.
fn unread(error: StepError) -> StepError {
    let message = format!("nothing is deleted, because `in-use` cannot be read: {}", error.message);
    StepError { message, ..error }
}
