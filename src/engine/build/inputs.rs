//! What a build needs from elsewhere: commits, logins, secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use secrecy::{ExposeSecret, SecretString};

use super::super::Engine;
use super::super::context::Cx;
use crate::buildkit::{Session, Transcript};
use crate::git::{Credentials, RepoUrl};
use crate::oci::{Auth, LazyClient};
use crate::outcome::StepError;
use crate::step::Build;
use crate::step::build::{GitContext, NamedContext};

/// Everything that was read for one build.
pub(super) struct Inputs {
    /// The build context's commit, which the caller may read.
    pub(super) sha: String,
    /// Those of the named contexts that are repositories.
    pub(super) named: BTreeMap<String, String>,
    /// Registry logins.
    pub(super) auth: Arc<Auth>,
    /// What stands before the ids of cache mounts, where the daemon has other namespaces' too.
    pub(super) cache_mounts: Option<String>,
    secrets: BTreeMap<String, SecretString>,
    client: LazyClient,
    ssh: Option<SecretString>,
}

/// A repository that the caller may read: at which commit, and with what.
struct Readable {
    sha: String,
    credentials: Credentials,
}

impl Inputs {
    /// Reads everything at once; the first thing that is missing ends the step.
    pub(super) async fn gather(engine: &Engine, build: &Build, cx: &Cx) -> Result<Self, StepError> {
        cx.now(format!("checking the right to read {}", build.context.repo));
        let contexts = try_join_all(git_contexts(build).map(|(name, context)| async move {
            Ok::<_, StepError>((name, context, readable(engine, cx, context).await?))
        }));
        let secrets = try_join_all(build.secrets.iter().map(|secret| async move {
            Ok::<_, StepError>((secret.id.clone(), engine.secret_value(cx, &secret.secret).await?))
        }));
        let auth = engine.registry_auth(cx, build.registry_secret.as_ref());
        let (contexts, secrets, auth) = tokio::try_join!(contexts, secrets, auth)?;
        let mut inputs = Self {
            sha: String::new(),
            named: BTreeMap::new(),
            auth: Arc::new(
                auth.with_cache(engine.tenancy.cache_rights(&cx.workflow.namespace, &build.cache)),
            ),
            cache_mounts: engine.tenancy.cache_mounts(&cx.workflow.namespace),
            secrets: secrets.into_iter().collect(),
            client: engine.registry.client(),
            ssh: None,
        };
        for (name, context, readable) in contexts {
            inputs.admit(name, &context.repo, readable)?;
        }
        Ok(inputs)
    }

    /// What the daemon may ask for during the build.
    pub(super) fn session(&self, transcript: &Transcript) -> Session {
        Session {
            secrets: self.secrets.clone(),
            registries: self.auth.clone(),
            client: self.client.clone(),
            ssh: self.ssh.clone(),
            transcript: transcript.clone(),
        }
    }

    fn admit(&mut self, name: Option<&str>, repo: &RepoUrl, readable: Readable) -> Result<(), StepError> {
        match name {
            None => self.sha = readable.sha,
            Some(name) => drop(self.named.insert(name.to_owned(), readable.sha)),
        }
        // The whole header: unlike a bare token it keeps the user's name.
        if let Some(header) = readable.credentials.header() {
            self.only_one_header(repo, header)?;
        }
        match readable.credentials {
            Credentials::Ssh(key) => self.only_one_key(key.private_key),
            Credentials::Anonymous | Credentials::Basic { .. } => Ok(()),
        }
    }

    /// The daemon asks for a Git login per host and port, so one build has one login per host.
    fn only_one_header(&mut self, repo: &RepoUrl, header: SecretString) -> Result<(), StepError> {
        let id = format!("GIT_AUTH_HEADER.{}", repo.host_port());
        match self.secrets.insert(id, header.clone()) {
            Some(other) if other.expose_secret() != header.expose_secret() => Err(StepError::user(format!(
                "two contexts on {} need different credentials, but BuildKit has one login per host in a build; \
                 use one Secret that may read both",
                repo.host_port()
            ))),
            _ => Ok(()),
        }
    }

    fn only_one_key(&mut self, key: SecretString) -> Result<(), StepError> {
        match self.ssh.replace(key.clone()) {
            Some(other) if other.expose_secret() != key.expose_secret() => Err(StepError::user(
                "two contexts need different ssh keys, but BuildKit takes one per build; use one that may read both",
            )),
            _ => Ok(()),
        }
    }
}

/// The build context first, without a name; then the named ones that are repositories.
fn git_contexts(build: &Build) -> impl Iterator<Item = (Option<&str>, &GitContext)> {
    let named = build.contexts.iter().filter_map(|(name, context)| match context {
        NamedContext::Git(git) => Some((Some(name.as_str()), git)),
        NamedContext::Image(_) => None,
    });
    std::iter::once((None, &build.context)).chain(named)
}

async fn readable(engine: &Engine, cx: &Cx, context: &GitContext) -> Result<Readable, StepError> {
    let credentials = engine.git_credentials(cx, &context.repo, context.secret.as_ref()).await?;
    // Proven at the very address that BuildKit will read.
    let repo = context.repo.buildkit_url().parse().unwrap_or_else(|_| context.repo.clone());
    let resolved = engine.git.resolve(&repo, &credentials, &context.revision).await?;
    Ok(Readable { sha: resolved.sha, credentials })
}
