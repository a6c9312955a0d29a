//! Argo's controller: whether it runs, its version, and its settings.

mod api_limit;
mod config;
mod settings;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, EnvVar};

use super::api_login::unread;
use super::{ExecutionMode, Finding, Site, fix};
use crate::kube::{By, Cluster, ReadError};
use settings::Setting;

pub(super) use config::{Config, setting, text_of};

/// Upstream's label of the controller's pods.
const LABEL: &str = "app=workflow-controller";
/// The name of the controller's ConfigMap, unless a setting changes it.
pub(super) const CONFIG_MAP: &str = "workflow-controller-configmap";

/// The variables that are set without anything else, and what is recommended.
const VALUES: [(&str, &str); 4] = [
    ("ARGO_EXECUTOR_PLUGINS", "true"),
    ("DEFAULT_REQUEUE_TIME", "1s"),
    ("ARGO_AGENT_PATCH_RATE", "100ms"),
    ("ARGO_AGENT_CPU_LIMIT", "1"),
];

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

/// Finds the controller of `site`: the Deployment with its name, or else the one with upstream's label.
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
            args: container.command.into_iter().chain(container.args).flatten().collect(),
            env,
        }
    }

    /// A variable's value. Values that an `envFrom` may set are not known.
    fn setting(&self, name: &str) -> Setting {
        let named = |wanted: &str| self.env.iter().find(|(name, _)| name == wanted).map(|(_, s)| s.clone());
        match named(name) {
            Some(Setting::Value(value)) if value.is_empty() => Setting::Unset,
            Some(setting) => setting,
            None => named("").unwrap_or(Setting::Unset),
        }
    }

    /// Whether the controller writes its updates back to its informer. From 4.1 on there is no such setting.
    pub(super) fn writes_back(&self) -> bool {
        let is_old = self.release().is_none_or(|release| release < (4, 1));
        is_old && self.setting("INFORMER_WRITE_BACK") == Setting::Value("true".to_owned())
    }

    /// Whether one of its pods is ready.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether it loads plugins, if that is known.
    pub(super) fn loads_plugins(&self) -> Option<bool> {
        let flag = |arg: &String| arg == "--executor-plugins" || arg == "--executor-plugins=true";
        match self.setting("ARGO_EXECUTOR_PLUGINS") {
            _ if self.args.iter().any(flag) => Some(true),
            Setting::Elsewhere => None,
            setting => Some(setting == Setting::Value("true".to_owned())),
        }
    }

    /// The value of a flag, in either spelling, or else of its variable.
    fn option(&self, flag: &str, variable: &str) -> Setting {
        let given = self.args.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(flag)? {
            "" => self.args.get(at + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        });
        given.map_or_else(|| self.setting(variable), |value| Setting::Value(value.to_owned()))
    }

    /// The name of its ConfigMap.
    pub(super) fn config_map(&self) -> String {
        match self.option("--configmap", "ARGO_CONFIGMAP") {
            Setting::Value(name) => name,
            Setting::Unset | Setting::Elsewhere => CONFIG_MAP.to_owned(),
        }
    }

    /// The only namespace that it watches, if one is set (argo-workflows `cmd/workflow-controller`).
    pub(super) fn only(&self, own: &str) -> Option<String> {
        let flag = |word: &String| matches!(word.as_str(), "--namespaced" | "--namespaced=true");
        let is_set = self.setting("ARGO_NAMESPACED") == Setting::Value("true".to_owned());
        let managed = self.option("--managed-namespace", "ARGO_MANAGED_NAMESPACE");
        (is_set || self.args.iter().any(flag)).then(|| match managed {
            Setting::Value(name) => name,
            Setting::Unset | Setting::Elsewhere => own.to_owned(),
        })
    }

    /// Its limit for the agent's own container, for `cpu` or `memory`.
    pub(super) fn agent_limit(&self, what: &str) -> Option<String> {
        match self.setting(&format!("ARGO_AGENT_{}_LIMIT", what.to_uppercase())) {
            Setting::Value(limit) => Some(limit),
            Setting::Unset | Setting::Elsewhere => None,
        }
    }

    /// The controller's image.
    pub(super) fn image(&self) -> &str {
        &self.image
    }

    /// Major and minor of its version, if the tag of its image is a version.
    pub(super) fn release(&self) -> Option<(u32, u32)> {
        let mut parts = self.version().trim_start_matches('v').split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    }

    /// The tag of its image.
    pub(super) fn version(&self) -> &str {
        let image = self.image.split('@').next().unwrap_or_default();
        image
            .rsplit_once(':')
            .map(|(_, tag)| tag)
            .filter(|tag| !tag.contains('/'))
            .unwrap_or("of no known version")
    }
}

/// The findings about the controller. `status` is whether it may patch a task set's status, if known.
pub(super) fn judge(
    read: &Result<Option<Controller>, ReadError>,
    site: &Site,
    status: Option<bool>,
    mode: ExecutionMode,
) -> Vec<Finding> {
    let subject = format!("controller {}/{}", site.argo_namespace, site.controller);
    match read {
        Err(error) => vec![unread(subject, error)],
        Ok(None) => vec![Finding::fail(
            subject,
            "there is no such Deployment, nor one with the label app=workflow-controller; install Argo \
             Workflows, or name its namespace and Deployment (--argo-namespace, --controller)",
        )],
        Ok(Some(controller)) => controller.findings(site, status, mode),
    }
}

impl Controller {
    fn findings(&self, site: &Site, status: Option<bool>, mode: ExecutionMode) -> Vec<Finding> {
        let subject = format!("controller {}/{}", site.argo_namespace, self.name);
        let mut found = vec![match self.ready {
            true => Finding::ok(subject, format!("Argo Workflows {}", self.version())),
            false => Finding::fail(
                subject,
                "no pod of it is ready, so no workflow moves; see kubectl describe and logs of it",
            ),
        }];
        if let Some(only) = self.only(&site.argo_namespace).filter(|only| *only != site.namespace) {
            let text = format!(
                "watches namespace {only} alone (--namespaced, --managed-namespace), so workflows in {} do not move; set \
                 --managed-namespace to that, or use {only}",
                site.namespace
            );
            found.push(Finding::fail(format!("controller {}/{}", site.argo_namespace, self.name), text));
        }
        let (requeue, requeue_finding) = self.requeue(mode);
        if mode.is_shared() {
            found.extend([requeue_finding, self.api_limit(), self.write_back(status, mode)]);
        } else {
            found.extend([self.plugins(), requeue_finding, self.patch_rate(requeue), self.agent_cpu()]);
            found.push(self.write_back(status, mode));
        }
        found.into_iter().map(|finding| self.fixed(finding, &site.argo_namespace)).collect()
    }

    /// The finding about a setting with the command that sets it.
    fn fixed(&self, finding: Finding, namespace: &str) -> Finding {
        let subject = |name: &str| finding.subject == format!("controller setting {name}");
        match VALUES.iter().find(|(name, _)| subject(name)) {
            Some((name, value)) if self.setting(name) != Setting::Elsewhere => {
                finding.fixed_by(fix::variable(namespace, &self.name, name, value))
            }
            _ => finding,
        }
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
