//! Whether this process works for one namespace with its own rights, or for many with theirs.

use std::sync::Arc;

use super::{Engine, Workflow};
use crate::git::RepoUrl;
use crate::oci::{CacheRights, Mint};
use crate::outcome::StepError;
use crate::policy::{Policy, Refused};
use crate::step::{self, Step};

/// Whose work a process does.
#[derive(Debug, Clone)]
pub struct Tenancy {
    whose: Whose,
    mint: Option<Arc<Mint>>,
}

#[derive(Debug, Clone)]
enum Whose {
    Own,
    Shared(Option<Policy>),
}

impl Tenancy {
    /// That of one namespace, or of one user at a terminal: its rights are the process's own.
    pub fn own() -> Self {
        Self { whose: Whose::Own, mint: None }
    }

    /// That of many namespaces, kept apart by `policy`. Without one, what a step may name is left to rights alone.
    pub fn shared(policy: Option<Policy>) -> Self {
        Self { whose: Whose::Shared(policy), mint: None }
    }

    /// With `mint` to sign the tokens for the cache registry.
    #[must_use]
    pub fn minting(self, mint: Option<Mint>) -> Self {
        Self { mint: mint.map(Arc::new), ..self }
    }

    /// What a build of `namespace` with these caches may do at the cache registry; none where its tokens are not ours to sign.
    pub(super) fn cache_rights(&self, namespace: &str, cache: &step::build::Cache) -> Option<CacheRights> {
        let from = cache.from.iter().map(|from| &from.image);
        let to = cache.to.as_ref().map(|to| &to.target.image);
        self.mint.as_ref().map(|mint| mint.rights(namespace, from, to))
    }

    /// Which images a build of `namespace` may read; none where it is any.
    pub(super) fn images(&self, namespace: &str) -> Option<Vec<String>> {
        match &self.whose {
            Whose::Shared(Some(policy)) => policy.images(namespace),
            Whose::Shared(None) | Whose::Own => None,
        }
    }

    /// What stands before the ids of `namespace`'s cache mounts, which the daemon would share among all who name them.
    pub(super) fn cache_mounts(&self, namespace: &str) -> Option<String> {
        matches!(self.whose, Whose::Shared(_)).then(|| namespace.to_owned())
    }

    /// What a workflow is called in the log, where others of its name may be.
    pub(super) fn title(&self, workflow: &Workflow) -> String {
        match self.whose {
            Whose::Own => workflow.name.clone(),
            Whose::Shared(_) => format!("{}/{}", workflow.namespace, workflow.name),
        }
    }

    /// Whose share of the process's memory a workflow's steps take; none where no others need some.
    pub(super) fn tenant<'w>(&self, workflow: &'w Workflow) -> Option<&'w str> {
        match self.whose {
            Whose::Own => None,
            Whose::Shared(_) => Some(&workflow.namespace),
        }
    }

    /// Whether a build of `namespace` may read a repository that only a commit names.
    pub(super) fn permits_repository(
        &self,
        namespace: &str,
        field: &'static str,
        repo: &RepoUrl,
    ) -> Result<(), Refused> {
        match &self.whose {
            Whose::Shared(Some(policy)) => policy.check_repository(namespace, field, repo),
            Whose::Shared(None) | Whose::Own => Ok(()),
        }
    }

    fn check(&self, namespace: &str, step: &Step) -> Result<(), Refused> {
        match &self.whose {
            Whose::Shared(Some(policy)) => policy.check(namespace, step),
            Whose::Shared(None) | Whose::Own => Ok(()),
        }
    }
}

impl Engine {
    /// Whether a workflow of `namespace` may run `step`: asked when it is submitted, before anything starts. Each step is asked
    /// about again before it runs, with what it refers to resolved.
    ///
    /// # Errors
    /// The user's: what was named, and which list of the policy lacks it.
    pub fn permits(&self, namespace: &str, step: &Step) -> Result<(), StepError> {
        self.tenancy.check(namespace, step).map_err(StepError::user)
    }
}
