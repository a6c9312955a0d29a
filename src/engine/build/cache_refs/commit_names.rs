//! What Git calls the commit that is built: what the step says, and what the Git server says about that.

use tracing::warn;

use super::super::super::Engine;
use super::super::super::context::Cx;
use crate::git::RefNames;
use crate::git::advert::is_oid;
use crate::outcome::StepError;
use crate::step::Build;
use crate::step::build::{CacheExport, CacheWhen};

/// What Git calls the commit that is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GitName {
    /// A branch, which has the commit; its full name.
    Branch(String),
    /// A tag.
    Tag,
    /// Another ref, such as a pull request's; its full name. Nobody need have reviewed the commit.
    Other(String),
    /// Not known, with the reason.
    Unknown(String),
}

impl GitName {
    pub(super) fn of(full: &str) -> Self {
        match full {
            branch if branch.starts_with("refs/heads/") => Self::Branch(branch.to_owned()),
            tag if tag.starts_with("refs/tags/") => Self::Tag,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether a build of it writes a cache that other builds read.
    fn writes_shared_cache(&self, when: CacheWhen) -> bool {
        match self {
            Self::Branch(_) => true,
            Self::Tag => when != CacheWhen::Branch,
            Self::Other(_) | Self::Unknown(_) => false,
        }
    }
}

/// What was read about the commit's names, before the commit itself was.
#[derive(Debug, Default)]
pub(in super::super) struct CommitNames {
    /// The full name of the default branch, if a cache depends on it and the server says it.
    pub(super) default_branch: Option<String>,
    /// The name of a commit that the step names by its id; `None` if it names a ref.
    pub(super) name: Option<GitName>,
}

impl CommitNames {
    /// Asks the Git server, if a cache depends on its answer. A server that does not answer does not end the build.
    pub(in super::super) async fn read(engine: &Engine, build: &Build, cx: &Cx) -> Self {
        let (step_commit, Some(to)) = (StepCommit::of(build), &build.cache.to) else {
            return Self::default();
        };
        if !is_asked(to, &step_commit) {
            return Self { default_branch: None, name: step_commit.unasked() };
        }
        match ask(engine, build, to, &step_commit, cx).await {
            Ok(names) => names,
            Err(error) => {
                warn!("the caches of the branch are not known: {}", cx.redactor.line(&error.message));
                let why =
                    format!("the Git server did not say which branch has the commit: {}", error.message);
                Self { default_branch: None, name: step_commit.unanswered(to, why) }
            }
        }
    }
}

/// The commit and the name that the step gives.
pub(super) struct StepCommit<'a> {
    /// The id of the commit; `None` if the step names a ref.
    commit: Option<String>,
    /// What it is of, as the step says.
    pub(super) git_ref: Option<&'a str>,
}

impl<'a> StepCommit<'a> {
    pub(super) fn of(build: &'a Build) -> Self {
        let commit = Some(build.context.revision.to_ascii_lowercase()).filter(|revision| is_oid(revision));
        // A commit is no name of a commit.
        let git_ref = build.cache.git_ref.as_deref().filter(|name| !is_oid(&name.to_ascii_lowercase()));
        Self { git_ref: git_ref.filter(|_| commit.is_some()), commit }
    }

    /// The name, where the step is believed.
    pub(super) fn unasked(&self) -> Option<GitName> {
        self.commit.as_ref().map(|_| match self.git_ref {
            Some(full) => GitName::of(full),
            None => GitName::Unknown(
                "`context.revision` is a commit; say of which branch it is with `cache.git-ref`".to_owned(),
            ),
        })
    }

    /// The name, if the server did not answer. A short name could be a pull request's.
    pub(super) fn unanswered(&self, to: &CacheExport, why: String) -> Option<GitName> {
        self.commit.as_ref().map(|_| match self.git_ref {
            Some(name) if to.when != CacheWhen::Branch => GitName::Other(format!("refs/{name}")),
            _ => GitName::Unknown(why),
        })
    }
}

/// Whether the Git server is asked: for the default branch, for what a short name means, and whether that has the commit.
pub(super) fn is_asked(to: &CacheExport, step_commit: &StepCommit<'_>) -> bool {
    match to.when {
        CacheWhen::Branch => to.is_by_branch() || step_commit.git_ref.is_some(),
        CacheWhen::Always | CacheWhen::Changed => {
            step_commit.git_ref.is_some_and(|name| !name.starts_with("refs/"))
        }
    }
}

async fn ask(
    engine: &Engine,
    build: &Build,
    to: &CacheExport,
    step_commit: &StepCommit<'_>,
    cx: &Cx,
) -> Result<CommitNames, StepError> {
    let context = &build.context;
    let credentials = engine.git_credentials(cx, &context.repo, context.secret.as_ref()).await?;
    let repo = context.repo.at_buildkit_url();
    let git = engine.tenant_git(cx);
    let RefNames { default_branch, found } = git.ref_names(&repo, &credentials, step_commit.git_ref).await?;
    let (Some(commit), Some(git_ref)) = (&step_commit.commit, step_commit.git_ref) else {
        return Ok(CommitNames { default_branch, name: step_commit.unasked() });
    };
    let name = match found {
        Some(found) => {
            let name = GitName::of(&found.name);
            if name.writes_shared_cache(to.when)
                && !git.contains(&repo, &credentials, &found.id, commit).await?
            {
                without_commit(to.when, git_ref, commit)
            } else {
                name
            }
        }
        None if to.when == CacheWhen::Branch && git_ref.starts_with("refs/") => match GitName::of(git_ref) {
            GitName::Branch(_) => GitName::Unknown(format!("there is no branch `{git_ref}`")),
            name => name,
        },
        None if to.when == CacheWhen::Branch => {
            GitName::Unknown(format!("there is no branch and no tag `{git_ref}`"))
        }
        None => GitName::Other(format!("refs/{git_ref}")),
    };
    Ok(CommitNames { default_branch, name: Some(name) })
}

/// What a commit is that the branch or tag `git_ref` does not have. A branch in a fork may have any name.
pub(super) fn without_commit(when: CacheWhen, git_ref: &str, commit: &str) -> GitName {
    match when {
        CacheWhen::Branch => GitName::Unknown(format!(
            "the branch `{git_ref}` does not have the commit {commit}; correct `cache.git-ref`"
        )),
        CacheWhen::Always | CacheWhen::Changed => GitName::Other(format!("refs/{git_ref}")),
    }
}
