//! Registries: whether they accept the login, and whether it may push and delete.

use super::target::{Image, SecretName};
use super::{Doctor, Finding};
use crate::engine::binding::{Use, Wanted};
use crate::engine::registry_logins;
use crate::kube::Secret;
use crate::oci::{Auth, DeleteRight, OciError, Referrers};
use crate::outcome::StepError;

/// The key of a `kubernetes.io/dockerconfigjson` Secret.
const DOCKER_CONFIG: &str = ".dockerconfigjson";

const NO_DELETES: &str = "the registry does not delete: it is read-only, or deletes are switched off, so `tags` with `delete` fails; \
    for Docker's registry, set REGISTRY_STORAGE_DELETE_ENABLED=true; for others, use their own retention";

impl Doctor {
    /// Reads the Secret `name` in the workflows' namespace.
    pub(super) async fn secret(&self, name: &SecretName) -> Result<Secret, StepError> {
        Ok(self.engine.secrets.get(&self.site.namespace, &name.name).await?)
    }

    /// Checks whether `image` may be pushed.
    pub(super) async fn image(&self, target: &Image) -> Finding {
        let subject = format!("registry {}", target.image.name());
        let auth = match self.auth(target.secret.as_ref()).await {
            Ok(auth) => auth,
            Err(error) => return Finding::fail(subject, error.message),
        };
        let registry = &self.engine.registry;
        let pushed = registry.may_push(&target.image, &auth, target.insecure).await;
        let referrers = match pushed {
            Ok(()) => registry.referrers_api(&target.image, &auth, target.insecure).await.ok(),
            Err(_) => None,
        };
        judge(subject, target, &auth, pushed, referrers)
    }

    /// Checks whether steps may delete in the repository of `target`.
    pub(super) async fn deletion(&self, target: &Image) -> Finding {
        let subject = format!("registry delete {}", target.image.name());
        match self.auth(target.secret.as_ref()).await {
            Ok(auth) => {
                let asked = self.engine.registry.may_delete(&target.image, &auth, target.insecure).await;
                judge_deletion(subject, target, &auth, asked)
            }
            Err(error) => Finding::fail(subject, error.message),
        }
    }

    async fn auth(&self, name: Option<&SecretName>) -> Result<Auth, StepError> {
        let Some(name) = name else { return Ok(Auth::default()) };
        let secret = self.secret(name).await?;
        let wanted = Wanted { purpose: Use::Registry, server: None };
        self.engine.secret_rules.answer(&self.site.namespace, &secret, &wanted)?;
        registry_logins(&secret, name.key.as_deref().unwrap_or(DOCKER_CONFIG), &self.redactor)
    }
}

fn judge(
    subject: String,
    target: &Image,
    auth: &Auth,
    pushed: Result<(), OciError>,
    referrers: Option<Referrers>,
) -> Finding {
    match pushed {
        Ok(()) => Finding::ok(subject, format!("may push, as {}{}", user(target, auth), about(referrers))),
        Err(error) => refused(subject, target, auth, &error),
    }
}

fn judge_deletion(
    subject: String,
    target: &Image,
    auth: &Auth,
    asked: Result<DeleteRight, OciError>,
) -> Finding {
    match asked {
        Ok(DeleteRight::Granted) => Finding::ok(subject, format!("may delete, as {}", user(target, auth))),
        Ok(DeleteRight::Unsupported) => Finding::fail(subject, NO_DELETES),
        Ok(DeleteRight::Unknown) => Finding::skip(
            subject,
            "the registry has no such repository, so it does not say who may delete there; name one that has an image",
        ),
        Err(error) => refused(subject, target, auth, &error),
    }
}

/// The finding about a request that failed. A login that the Secret lacks may be the cause.
fn refused(subject: String, target: &Image, auth: &Auth, error: &OciError) -> Finding {
    let host = target.image.registry();
    let missing = match (&target.secret, auth.login(host)) {
        (Some(secret), None) => format!("; Secret {secret} has no login for {host}: add it under `auths`"),
        _ => String::new(),
    };
    Finding::fail(subject, format!("{error}{missing}"))
}

fn user(target: &Image, auth: &Auth) -> String {
    auth.login(target.image.registry()).map_or_else(|| "nobody".to_owned(), ToString::to_string)
}

/// What the registry does about logs, signatures and SBOMs of an image.
fn about(referrers: Option<Referrers>) -> &'static str {
    match referrers {
        Some(Referrers::Listed) => "; it lists referrers itself",
        Some(Referrers::Tagged) => {
            "; it lists no referrers, so logs and signatures are found under tags `sha256-…`"
        }
        Some(Referrers::Unknown) | None => "",
    }
}
