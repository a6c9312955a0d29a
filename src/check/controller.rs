//! Argo's controller: whether it runs, which version, and how it is set.

mod settings;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, EnvVar};

use super::session::unread;
use super::{Finding, Site};
use crate::kube::{By, Cluster, ReadError};
use settings::Setting;

/// Upstream's label of the controller's pods.
const LABEL: &str = "app=workflow-controller";
/// The controller, as its Deployment describes it.
#[derive(Debug, Default)]
pub(super) struct Controller {
    name: String,
    /// Its ServiceAccount.
    pub(super) service_account: String,
    image: String,
    ready: bool,
    args: Vec<String>,
    env: Vec<(String, Setting)>,
}

/// The controller of `site`: the Deployment of its name, else the one with upstream's label.
pub(super) async fn read(cluster: &Cluster, site: &Site) -> Result<Option<Controller>, ReadError> {
    let namespace = &site.argo_namespace;
    if let Some(found) = cluster.find::<Deployment>(namespace, &site.controller).await? {
        return Ok(Some(Controller::of(found)));
    }
    let mut labelled = cluster.list::<Deployment>(namespace, &By::Labels(LABEL)).await?;
    Ok(labelled.pop().map(Controller::of))
}

impl Controller {
    fn of(deployment: Deployment) -> Self {
        let name = deployment.metadata.name.unwrap_or_default();
        let pod = deployment.spec.and_then(|spec| spec.template.spec).unwrap_or_default();
        let named = |c: &Container| c.name == "workflow-controller";
        let at = pod.containers.iter().position(named).unwrap_or_default();
        let container = pod.containers.into_iter().nth(at).unwrap_or_default();
        let mut env: Vec<_> = container.env.unwrap_or_default().into_iter().map(variable).collect();
        if container.env_from.is_some_and(|sources| !sources.is_empty()) {
            env.push((String::new(), Setting::Elsewhere));
        }
        Self {
            name,
            service_account: pod.service_account_name.unwrap_or_else(|| "default".to_owned()),
            image: container.image.unwrap_or_default(),
            ready: deployment.status.and_then(|s| s.ready_replicas).unwrap_or_default() > 0,
            args: container.args.unwrap_or_default(),
            env,
        }
    }

    /// A variable's value; what an `envFrom` may set is not known.
    fn setting(&self, name: &str) -> Setting {
        let named = |wanted: &str| self.env.iter().find(|(name, _)| name == wanted).map(|(_, s)| s.clone());
        match named(name) {
            Some(Setting::Value(value)) if value.is_empty() => Setting::Unset,
            Some(setting) => setting,
            None => named("").unwrap_or(Setting::Unset),
        }
    }

    pub(super) fn writes_back(&self) -> bool {
        self.setting("INFORMER_WRITE_BACK") == Setting::Value("true".to_owned())
    }

    /// Whether a pod of it is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether it loads plugins, where that is known.
    pub(super) fn loads_plugins(&self) -> Option<bool> {
        let flag = |arg: &String| arg == "--executor-plugins" || arg == "--executor-plugins=true";
        match self.setting("ARGO_EXECUTOR_PLUGINS") {
            _ if self.args.iter().any(flag) => Some(true),
            Setting::Elsewhere => None,
            setting => Some(setting == Setting::Value("true".to_owned())),
        }
    }

    /// Major and minor of its version, where its image's tag is one.
    fn release(&self) -> Option<(u32, u32)> {
        let mut parts = self.version().trim_start_matches('v').split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    }

    fn version(&self) -> &str {
        let image = self.image.split('@').next().unwrap_or_default();
        image
            .rsplit_once(':')
            .map(|(_, tag)| tag)
            .filter(|tag| !tag.contains('/'))
            .unwrap_or("of no known version")
    }
}

/// What is to say of the controller; `status` is whether it may patch a task set's status, if known.
pub(super) fn judge(
    read: &Result<Option<Controller>, ReadError>,
    site: &Site,
    status: Option<bool>,
) -> Vec<Finding> {
    let subject = format!("controller {}/{}", site.argo_namespace, site.controller);
    match read {
        Err(error) => vec![unread(subject, error)],
        Ok(None) => vec![Finding::fail(
            subject,
            "there is no such Deployment, nor one with the label app=workflow-controller; install Argo \
             Workflows, or name its namespace and Deployment (--argo-namespace, --controller)",
        )],
        Ok(Some(controller)) => controller.findings(site, status),
    }
}

impl Controller {
    fn findings(&self, site: &Site, status: Option<bool>) -> Vec<Finding> {
        let subject = format!("controller {}/{}", site.argo_namespace, self.name);
        let mut found = vec![match self.ready {
            true => Finding::ok(subject, format!("Argo Workflows {}", self.version())),
            false => Finding::fail(
                subject,
                "no pod of it is ready, so no workflow moves; see kubectl describe and logs of it",
            ),
        }];
        found.push(self.plugins());
        let (requeue, requeue_finding) = self.requeue();
        found.push(requeue_finding);
        found.push(self.patch_rate(requeue));
        found.push(self.agent_cpu());
        found.push(self.write_back(status));
        found
    }
}

fn variable(variable: EnvVar) -> (String, Setting) {
    let setting = match (variable.value, variable.value_from) {
        (Some(value), _) => Setting::Value(value),
        (None, Some(_)) => Setting::Elsewhere,
        (None, None) => Setting::Unset,
    };
    (variable.name, setting)
}

#[cfg(test)]
mod tests;
