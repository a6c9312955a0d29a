//! The policy that the shared agent mounts: whether it can be read, and whether it has an entry for the workflows' namespace.

use k8s_openapi::api::core::v1::ConfigMap;

use super::AgentDeployment;
use crate::check::api_login::unread;
use crate::check::{Doctor, Finding};
use crate::kube::ReadError;
use crate::policy::Policy;

impl Doctor {
    /// Checks the policy, if it is in a ConfigMap.
    pub(super) async fn policy(&self, agent: &AgentDeployment) -> Option<Finding> {
        let file = agent.settings.value("ARGO_BUILDKIT_POLICY")?;
        let (volume, key) = agent.mounted(file)?;
        let (namespace, name) = (&agent.account.namespace, &volume.config_map.as_ref()?.name);
        let read = self.engine.cluster.find::<ConfigMap>(namespace, name).await;
        Some(judge(&format!("policy ConfigMap {namespace}/{name}"), key, &read, &self.site.namespace))
    }
}

pub(super) fn judge(
    subject: &str,
    key: &str,
    read: &Result<Option<ConfigMap>, ReadError>,
    namespace: &str,
) -> Finding {
    let map = match read {
        Ok(Some(map)) => map,
        Ok(None) => {
            let text =
                "does not exist, so the shared agent's pods do not start; apply deploy/components/agent";
            return Finding::fail(subject, text);
        }
        Err(error) => return unread(subject, error),
    };
    let Some(text) = map.data.as_ref().and_then(|data| data.get(key)) else {
        return Finding::fail(
            subject,
            format!("has no key {key}, so the shared agent does not start; add it"),
        );
    };
    match Policy::parse(key, text) {
        Err(wrong) => Finding::fail(subject, format!("{wrong}; until then the shared agent does not start")),
        Ok(policy) => match policy.unserved(namespace) {
            None if let Some(warning) = policy.warning() => Finding::warn(subject, warning),
            None => Finding::ok(subject, format!("has an entry for {namespace}")),
            Some(refused) => Finding::fail(subject, format!("{refused}, and restart the shared agent")),
        },
    }
}
