//! Whether this process serves one namespace with its own rights, or many namespaces with theirs.

use std::sync::Arc;

use super::context::Cx;
use super::{Engine, Workflow};
use crate::argocd::Application;
use crate::git::{Git, RepoUrl};
use crate::oci::{CacheRights, TokenIssuer};
use crate::outcome::StepError;
use crate::policy::{Policy, Refused};
use crate::step::{self, CacheScope, Step};

/// The namespaces that a process serves, and their limits.
#[derive(Debug, Clone)]
pub struct Tenancy {
    mode: TenancyMode,
    issuer: Option<Arc<TokenIssuer>>,
    /// Whether steps may see and prune the daemon's whole cache, where no policy decides it.
    daemon_cache: bool,
}

/// Why a sidecar does not know a namespace's cache mounts.
const NO_PREFIX: &str = "`scope: namespace` needs the shared agent, which puts the namespace before the id of each cache mount; write \
                         `scope: daemon` under `cache.usage` or `cache.prune`";

const NO_SWITCH: &str = "this sidecar may not see and prune the daemon's whole cache, which others may use too; have it started with \
                         `--allow-daemon-cache` (ARGO_BUILDKIT_ALLOW_DAEMON_CACHE), or use `argo-buildkit cache` at a terminal";

const NO_POLICY: &str = "this agent may not let steps see and prune the daemon's whole cache, because it has no policy; have it started \
                         with a policy (`--policy`) in which the namespace has `daemon-cache: true`, or write `scope: namespace`";

/// What a build may do with the cache that it names in `cache.to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheAccess {
    /// It may read it.
    Read,
    /// It may also write it.
    Write,
}

#[derive(Debug, Clone)]
enum TenancyMode {
    Own,
    Shared(Option<Policy>),
}

impl Tenancy {
    /// The process serves one namespace, or one user at a terminal, with its own rights.
    pub fn own() -> Self {
        Self { mode: TenancyMode::Own, issuer: None, daemon_cache: false }
    }

    /// The process serves many namespaces, which `policy` isolates. Without a policy, only rights limit what a step may name.
    pub fn shared(policy: Option<Policy>) -> Self {
        Self { mode: TenancyMode::Shared(policy), issuer: None, daemon_cache: false }
    }

    /// Whether the process serves namespaces that do not trust each other.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.mode, TenancyMode::Shared(_))
    }

    /// Sets `issuer`, which signs the tokens for the cache registry.
    #[must_use]
    pub fn issuing_tokens(self, issuer: Option<TokenIssuer>) -> Self {
        Self { issuer: issuer.map(Arc::new), ..self }
    }

    /// Lets steps see and prune the daemon's whole cache. With a policy, the policy decides.
    #[must_use]
    pub fn with_daemon_cache(self, is_allowed: bool) -> Self {
        Self { daemon_cache: is_allowed, ..self }
    }

    /// The namespace whose cache mounts alone a step with `scope` may see and prune; `None` for everything in the daemon's cache.
    pub(super) fn cache_owner<'n>(
        &self,
        namespace: &'n str,
        scope: CacheScope,
    ) -> Result<Option<&'n str>, StepError> {
        match (scope, &self.mode) {
            (CacheScope::Namespace, TenancyMode::Shared(_)) => Ok(Some(namespace)),
            (CacheScope::Namespace, TenancyMode::Own) => Err(StepError::user(NO_PREFIX)),
            // The step was compared with the policy already.
            (CacheScope::Daemon, TenancyMode::Shared(Some(_))) => Ok(None),
            (CacheScope::Daemon, _) if self.daemon_cache => Ok(None),
            (CacheScope::Daemon, TenancyMode::Shared(None)) => Err(StepError::user(NO_POLICY)),
            (CacheScope::Daemon, TenancyMode::Own) => Err(StepError::user(NO_SWITCH)),
        }
    }

    /// The rights of a build of `namespace` at the cache registry; `None` if we do not sign the registry's tokens.
    pub(super) fn cache_rights(
        &self,
        namespace: &str,
        cache: &step::build::Cache,
        access: CacheAccess,
    ) -> Option<CacheRights> {
        let from = cache.from.iter().map(|from| &from.image);
        let to = cache.to.as_ref().map(|to| &to.target.image);
        let (read, written) = match access {
            CacheAccess::Read => (to, None),
            CacheAccess::Write => (None, to),
        };
        self.issuer.as_ref().map(|issuer| issuer.rights(namespace, from.chain(read), written))
    }

    /// The rights of a `tags` of `namespace` at the cache registry, if it cleans up; `None` if we do not sign the registry's tokens. A
    /// `tags` that only asks has none: a policy lets it read what `images` names, which may be every image, but no other
    /// namespace's caches.
    pub(super) fn cleanup_rights(&self, namespace: &str, tags: &step::Tags) -> Option<CacheRights> {
        let retention = tags.delete.as_ref()?;
        let issuer = self.issuer.as_ref()?;
        Some(issuer.cleanup_rights(namespace, &tags.image.image, !retention.dry_run))
    }

    /// The images that a build of `namespace` may read; `None` allows any image.
    pub(super) fn images(&self, namespace: &str) -> Option<Vec<String>> {
        self.policy()?.images(namespace)
    }

    /// The prefix for the ids of `namespace`'s cache mounts. The daemon shares a mount among all builds that name the same id.
    pub(super) fn cache_mounts(&self, namespace: &str) -> Option<String> {
        matches!(self.mode, TenancyMode::Shared(_)).then(|| namespace.to_owned())
    }

    /// The workflow's name in the log, with its namespace if the process serves several.
    pub(super) fn title(&self, workflow: &Workflow) -> String {
        match self.mode {
            TenancyMode::Own => workflow.name.clone(),
            TenancyMode::Shared(_) => format!("{}/{}", workflow.namespace, workflow.name),
        }
    }

    /// The tenant whose share of memory a workflow's steps use; `None` if there is only one tenant.
    pub(super) fn tenant<'w>(&self, workflow: &'w Workflow) -> Option<&'w str> {
        match self.mode {
            TenancyMode::Own => None,
            TenancyMode::Shared(_) => Some(&workflow.namespace),
        }
    }

    /// Checks whether a build of `namespace` may read a repository that only a commit names.
    pub(super) fn permits_repository(
        &self,
        namespace: &str,
        field: &'static str,
        repo: &RepoUrl,
    ) -> Result<(), Refused> {
        self.policy().map_or(Ok(()), |policy| policy.check_repository(namespace, field, repo))
    }

    /// Checks whether a step of `namespace` may use an Application that only its labels name.
    pub(super) fn permits_application(
        &self,
        namespace: &str,
        field: &'static str,
        application: &Application,
    ) -> Result<(), Refused> {
        self.policy().map_or(Ok(()), |policy| policy.check_application(namespace, field, application))
    }

    /// Checks whether a step of `namespace` may send messages to the server that only a Secret names.
    pub(super) fn permits_webhook(
        &self,
        namespace: &str,
        field: &'static str,
        origin: &str,
    ) -> Result<(), Refused> {
        match &self.mode {
            TenancyMode::Shared(Some(policy)) => policy.check_webhook(namespace, field, origin),
            TenancyMode::Shared(None) | TenancyMode::Own => Ok(()),
        }
    }

    fn check(&self, namespace: &str, step: &Step) -> Result<(), Refused> {
        self.policy().map_or(Ok(()), |policy| policy.check(namespace, step))
    }

    /// The policy that limits what steps may name, if there is one.
    fn policy(&self) -> Option<&Policy> {
        match &self.mode {
            TenancyMode::Shared(policy) => policy.as_ref(),
            TenancyMode::Own => None,
        }
    }
}

impl Engine {
    /// Checks whether a workflow of `namespace` may run `step`. Called on submission, before anything starts, and for each step
    /// again before it runs, with its references resolved.
    ///
    /// # Errors
    /// A user error: the name that was used, and the list of the policy that lacks it.
    pub fn permits(&self, namespace: &str, step: &Step) -> Result<(), StepError> {
        self.tenancy.check(namespace, step).map_err(StepError::user)
    }

    /// The Git client for the step of `cx`, which uses the share of memory of the step's namespace.
    pub(super) fn tenant_git(&self, cx: &Cx) -> Git {
        self.git.of(self.tenancy.tenant(&cx.workflow))
    }
}
