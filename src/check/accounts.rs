//! ServiceAccounts, and the Secrets with their tokens. Since Kubernetes 1.24 these Secrets are not made automatically.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k8s_openapi::api::core::v1::ServiceAccount;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::api_login::unread;
use super::{Doctor, Finding, fix};
use crate::kube::{Account, KubeError, ReadError, Secret, SecretError, Secrets};

/// The type of Secret that the cluster fills with a token.
const TOKEN_KIND: &str = "kubernetes.io/service-account-token";
/// The annotation with which a ServiceAccount names its token Secret (argo-workflows `util/secrets`).
const ANNOTATION: &str = "workflows.argoproj.io/service-account-token.name";

/// What happens to a workflow without the Secret.
const HANGS: &str = "the agent pod cannot mount it, and workflows run for ever without a message";

impl Doctor {
    /// Checks the account and its token.
    pub(super) async fn account(&self, account: &Account) -> Vec<Finding> {
        let found = self.engine.cluster.find::<ServiceAccount>(&account.namespace, &account.name).await;
        let mut findings = vec![judge_account(account, &found)];
        if let Ok(None) = found {
            return findings;
        }
        let name = token_secret(account, found.ok().flatten().as_ref());
        let secrets = Secrets::Cluster(self.engine.cluster.clone());
        findings.push(judge_token(account, &name, &secrets.get(&account.namespace, &name).await));
        findings
    }

    /// Checks only that the account exists.
    pub(super) async fn existence(&self, account: &Account) -> Finding {
        let found = self.engine.cluster.find::<ServiceAccount>(&account.namespace, &account.name).await;
        judge_account(account, &found)
    }
}

/// The Secret whose token Argo mounts for `account` (argo-workflows `util/secrets`).
fn token_secret(account: &Account, found: Option<&ServiceAccount>) -> String {
    let listed = found.and_then(|found| found.secrets.as_ref()?.first()?.name.clone());
    let annotated = || found.and_then(|found| found.metadata.annotations.as_ref()?.get(ANNOTATION).cloned());
    listed.or_else(annotated).unwrap_or_else(|| format!("{}.service-account-token", account.name))
}

fn judge_account(account: &Account, found: &Result<Option<ServiceAccount>, ReadError>) -> Finding {
    let subject = format!("ServiceAccount {account}");
    match found {
        Ok(Some(_)) => Finding::ok(subject, "exists"),
        Ok(None) => Finding::fail(
            subject,
            format!(
                "does not exist: workflows with a plugin end with \"create agent pod failed\"; \
                 kubectl create serviceaccount -n {} {}",
                account.namespace, account.name
            ),
        )
        .fixed_by(fix::service_account(account)),
        Err(error) => unread(subject, error),
    }
}

fn judge_token(account: &Account, name: &str, read: &Result<Secret, SecretError>) -> Finding {
    let subject = format!("token Secret {}/{name}", account.namespace);
    let mend = format!(
        "create a Secret {name} of type {TOKEN_KIND} with the annotation \
         kubernetes.io/service-account.name: {}",
        account.name
    );
    let secret = match read {
        Ok(secret) => secret,
        Err(SecretError::NotFound { .. }) => {
            let missing = Finding::fail(subject, format!("does not exist: {HANGS}; {mend}"));
            return missing.fixed_by(fix::token(account, name));
        }
        Err(SecretError::Kube(KubeError::Forbidden { .. })) => {
            let text = format!(
                "this login may not read it; run `check` as one who may, or look: \
                 kubectl get secret -n {} {name}",
                account.namespace
            );
            return Finding::skip(subject, text);
        }
        Err(error) => return Finding::fail(subject, error.to_string()),
    };
    if secret.expect_kind(TOKEN_KIND).is_err() {
        let text = format!("is not of type {TOKEN_KIND}, so nobody fills it; delete it, and {mend}");
        return Finding::fail(subject, text).fixed_by(fix::replaced_token(account, name));
    }
    match secret.key("token").map(|token| owner(token.expose_secret())) {
        Err(_) => {
            Finding::fail(subject, format!("has no token yet: {HANGS}; check its annotation, or {mend}"))
                .fixed_by(fix::token(account, name))
        }
        Ok(Some(owner)) if owner != account.user() => {
            Finding::fail(subject, format!("holds the token of `{owner}`; delete it, and {mend}"))
                .fixed_by(fix::replaced_token(account, name))
        }
        Ok(_) => Finding::ok(subject, "holds a token"),
    }
}

/// The account that owns a token, if the token names it.
fn owner(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(claims["sub"].as_str()?.to_owned())
}
