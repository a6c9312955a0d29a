//! The shared agent: whether it runs and leads, and whether it has the rights and settings for the workflows' namespace.

mod certificate;
mod lease;
mod policy;
mod settings;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};

use super::api_login::{ApiLogin, unread};
use super::controller::Config;
use super::plugin::{ContainerSettings, OUR_NAME, Sidecar};
use super::{Doctor, Finding, Severity, rights};
use crate::kube::{Account, ReadError};

/// The name of its Deployment, its ServiceAccount and its Lease.
const NAME: &str = "buildkit-agent";

/// The shared agent, as described by its Deployment.
#[derive(Debug)]
pub(super) struct AgentDeployment {
    /// Its ServiceAccount.
    pub(super) account: Account,
    wanted: i32,
    ready: i32,
    pod: PodSpec,
    container: Sidecar,
    /// The agent's settings.
    pub(super) settings: ContainerSettings,
}

impl Doctor {
    /// The shared agent, if there is one.
    pub(super) async fn shared_agent(&self) -> Result<Option<AgentDeployment>, ReadError> {
        let namespace = &self.site.agent_namespace;
        let Some(found) = self.engine.cluster.find::<Deployment>(namespace, NAME).await? else {
            return Ok(None);
        };
        let mut agent = AgentDeployment::of(namespace, found);
        agent.settings =
            ContainerSettings::of_shared(&agent.container, &self.engine.cluster, namespace).await;
        Ok(Some(agent))
    }

    /// All findings about the shared agent.
    pub(super) async fn of_shared(
        &self,
        api_login: &ApiLogin,
        read: &Result<Option<AgentDeployment>, ReadError>,
        config: &Config,
    ) -> Vec<Finding> {
        let site = &self.site;
        let subject = format!("shared agent {}/{NAME}", site.agent_namespace);
        let agent = match read {
            Ok(Some(agent)) => agent,
            Ok(None) => return vec![absent(subject, &site.namespace)],
            Err(error) => return vec![unread(subject, error)],
        };
        let mut found = vec![agent.running(subject, &site.namespace), agent.settings(&site.namespace)];
        found.extend(agent.instance(&site.namespace, config));
        found.extend(self.policy(agent).await);
        found.push(self.lease(agent).await);
        found.extend(self.certificate(agent).await);
        let mut needs = rights::of_shared(&site.namespace, agent.steps_account());
        let (namespace, name) = agent.lease();
        needs.extend(rights::of_leader(namespace, name));
        found.extend(self.rights(api_login, &agent.account, &needs).await);
        found
    }

    /// The reasons why it does not execute the steps of the workflows' namespace.
    pub(super) async fn shared_flaws(&self, api_login: &ApiLogin, config: &Config) -> Vec<Finding> {
        let read = self.shared_agent().await;
        let found = self.of_shared(api_login, &read, config).await;
        found.into_iter().filter(|finding| finding.severity == Severity::Fail).collect()
    }
}

fn absent(subject: String, namespace: &str) -> Finding {
    let text = format!(
        "there is no such Deployment, so plugin steps of {namespace} stay Pending for ever; apply \
         deploy/components/agent, or name its namespace (--agent-namespace)"
    );
    Finding::fail(subject, text)
}

impl AgentDeployment {
    fn of(namespace: &str, deployment: Deployment) -> Self {
        let ready = deployment.status.and_then(|status| status.ready_replicas).unwrap_or_default();
        let spec = deployment.spec.unwrap_or_default();
        let pod = spec.template.spec.unwrap_or_default();
        let account = pod.service_account_name.as_deref().unwrap_or("default");
        Self {
            account: Account::new(namespace, account),
            wanted: spec.replicas.unwrap_or(1),
            ready,
            container: container(&pod).map(Sidecar::of).unwrap_or_default(),
            pod,
            settings: ContainerSettings::default(),
        }
    }

    /// The namespace and the name of its Deployment.
    pub(super) fn place(&self) -> String {
        format!("{}/{NAME}", self.account.namespace)
    }

    /// The name of the account that steps act as, in their own namespaces.
    pub(super) fn steps_account(&self) -> &str {
        self.settings.value("ARGO_BUILDKIT_SERVICE_ACCOUNT").unwrap_or(OUR_NAME)
    }

    /// Whether it runs, or will soon, and watches `namespace`.
    pub(super) fn works_for(&self, namespace: &str) -> bool {
        self.wanted > 0 && self.watched().has(namespace)
    }

    /// The namespace and name of its Lease.
    fn lease(&self) -> (&str, &str) {
        let namespace =
            self.settings.value("ARGO_BUILDKIT_LEASE_NAMESPACE").unwrap_or(&self.account.namespace);
        (namespace, self.settings.value("ARGO_BUILDKIT_LEASE").unwrap_or(NAME))
    }

    /// The volume that contains a file, and the file's name in it.
    fn mounted<'a>(&'a self, file: &'a str) -> Option<(&'a Volume, &'a str)> {
        let mounts = container(&self.pod).and_then(|container| container.volume_mounts.as_ref());
        mounts.into_iter().flatten().find_map(|mount| {
            let name = file.strip_prefix(mount.mount_path.trim_end_matches('/'))?.strip_prefix('/')?;
            let volume = self.pod.volumes.iter().flatten().find(|volume| volume.name == mount.name)?;
            Some((volume, name))
        })
    }

    fn running(&self, subject: String, namespace: &str) -> Finding {
        let Self { wanted, ready, .. } = self;
        let waits = format!("so plugin steps of {namespace} stay Pending for ever");
        let see = format!("see kubectl describe and logs of deploy/{NAME} in {}", self.account.namespace);
        match (*wanted, *ready) {
            (0, _) => Finding::fail(subject, format!("is scaled to 0, {waits}; scale it to 2")),
            (_, 0) => {
                let why = self.container.placeholder_image().unwrap_or(see);
                Finding::fail(subject, format!("no pod of it is ready, {waits}; {why}"))
            }
            _ if ready < wanted => Finding::warn(
                subject,
                format!(
                    "{ready} of {wanted} pods ready: steps go on, and nobody is there to take over; {see}"
                ),
            ),
            _ => Finding::ok(
                subject,
                format!("{ready} of {wanted} pods ready, image {}", self.container.image),
            ),
        }
    }
}

/// Our container: the one that runs `agent`, or else the first.
fn container(pod: &PodSpec) -> Option<&Container> {
    let runs_agent = |c: &&Container| c.args.iter().chain(&c.command).flatten().any(|word| word == "agent");
    pod.containers.iter().find(runs_agent).or_else(|| pod.containers.first())
}

#[cfg(test)]
pub(super) mod tests;
