//! The client certificate that the shared agent mounts.

use super::AgentDeployment;
use crate::check::{Doctor, Finding};
use crate::kube::{KubeError, Secret, SecretError, Secrets};

/// The settings that name the files of the certificate.
const FILES: [&str; 3] = ["ARGO_BUILDKIT_TLS_CA", "ARGO_BUILDKIT_TLS_CERT", "ARGO_BUILDKIT_TLS_KEY"];

/// A mounted Secret, and its keys that settings name as files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mounted {
    pub(super) secret: String,
    pub(super) keys: Vec<String>,
}

impl Doctor {
    /// Checks the Secret with the certificates for buildkitd, if the agent has one.
    pub(super) async fn certificate(&self, agent: &AgentDeployment) -> Option<Finding> {
        let mounted = agent.certificate()?;
        let namespace = &agent.account.namespace;
        let secrets = Secrets::Cluster(self.engine.cluster.clone());
        let read = secrets.get(namespace, &mounted.secret).await;
        Some(judge(namespace, &mounted, &read))
    }
}

impl AgentDeployment {
    /// The Secret that contains the files that the settings name.
    pub(super) fn certificate(&self) -> Option<Mounted> {
        let files = FILES.iter().filter_map(|name| self.mounted(self.settings.value(name)?));
        let mut found: Option<Mounted> = None;
        for (volume, key) in files {
            let Some(secret) = volume.secret.as_ref().and_then(|source| source.secret_name.clone()) else {
                continue;
            };
            let mounted = found.get_or_insert(Mounted { secret, keys: Vec::new() });
            mounted.keys.push(key.to_owned());
        }
        found
    }
}

pub(super) fn judge(namespace: &str, mounted: &Mounted, read: &Result<Secret, SecretError>) -> Finding {
    let Mounted { secret: name, keys } = mounted;
    let subject = format!("client certificate Secret {namespace}/{name}");
    let mend = format!("make it with the keys {} (docs/agent.md)", keys.join(", "));
    match read {
        Ok(secret) => match keys.iter().find(|key| secret.key(key).is_err()) {
            Some(key) => {
                Finding::fail(subject, format!("has no `{key}`, so the shared agent does not start; {mend}"))
            }
            None => Finding::ok(subject, format!("has {}", keys.join(", "))),
        },
        Err(SecretError::NotFound { .. }) => {
            Finding::fail(subject, format!("does not exist, so the shared agent's pods do not start; {mend}"))
        }
        Err(SecretError::Kube(KubeError::Forbidden { .. })) => Finding::skip(
            subject,
            format!(
                "this login may not read it; run `check` as one who may, or look: kubectl get secret -n \
                 {namespace} {name}"
            ),
        ),
        Err(error) => Finding::fail(subject, error.to_string()),
    }
}
