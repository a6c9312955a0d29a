//! Which component executes the plugin steps of a namespace: an agent pod for each workflow, or the shared agent.

mod gate;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};

use super::api_login::unread;
use super::controller::{CONFIG_MAP, Config, Controller, setting, text_of};
use super::shared::AgentDeployment;
use super::{Doctor, Finding, Site};
use crate::kube::ReadError;
use gate::Gate;

/// The label of a namespace in which the gate keeps agent pods from starting.
const LABEL: &str = "argo-buildkit.io/agent";
const SHARED: &str = "shared";

/// The controller's setting that turns off all agent pods.
const FLAG: &str = "disableAgentPodCreation";
/// The first version that knows the setting. Older controllers do not start with an unknown setting.
const KNOWS_FLAG: (u32, u32) = (4, 1);

/// The component that executes plugin steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ExecutionMode {
    /// An agent pod for each workflow, with our sidecar in it.
    #[default]
    Sidecar,
    /// The shared agent. Agent pods are created, and a scheduling gate keeps them from starting.
    Gate,
    /// The shared agent. The controller creates no agent pods.
    Flag,
}

impl ExecutionMode {
    /// Whether the shared agent executes them.
    pub(super) fn is_shared(self) -> bool {
        self != Self::Sidecar
    }

    /// Whether the controller creates an agent pod for each workflow.
    pub(super) fn makes_agent_pods(self) -> bool {
        self != Self::Flag
    }
}

/// The labels and settings that decide the mode, as far as they could be read.
#[derive(Debug)]
pub(super) struct ModeInputs {
    /// The namespace's label.
    label: Result<Option<String>, ReadError>,
    /// The setting in the ConfigMap `map` of the controller.
    flag: Result<Option<String>, ReadError>,
    map: String,
    /// Major and minor of the controller's version, if the tag of its image is a version.
    release: Option<(u32, u32)>,
    /// The tag of the controller's image.
    version: String,
    /// The controller's image.
    image: String,
    /// The settings `instanceID` and `executor` of the same ConfigMap.
    pub(super) config: Config,
    /// The gate that the label requires. Read only if the label is there.
    gate: Option<Gate>,
}

impl Doctor {
    /// Reads the labels and settings that decide the mode of the workflows' namespace.
    pub(super) async fn mode_inputs(&self, controller: &Result<Option<Controller>, ReadError>) -> ModeInputs {
        let site = &self.site;
        let controller = controller.as_ref().ok().and_then(Option::as_ref);
        let map = controller.map_or_else(|| CONFIG_MAP.to_owned(), Controller::config_map);
        let namespace = self.engine.cluster.find_global::<Namespace>(&site.namespace).await;
        let label = namespace.map(|namespace| namespace?.metadata.labels?.remove(LABEL));
        let read = self.engine.cluster.find::<ConfigMap>(&site.argo_namespace, &map).await;
        let place = format!("{}/{map}", site.argo_namespace);
        let config = read.as_ref().ok().map(|map| Config::of(place, map.as_ref())).unwrap_or_default();
        let gate = match label.as_ref().ok().and_then(Option::as_deref) {
            Some(SHARED) => Some(self.gate().await),
            _ => None,
        };
        ModeInputs {
            label,
            flag: read.map(|map| map.and_then(|map| setting(&map, FLAG)).map(|flag| text_of(&flag))),
            config,
            map: format!("{}/{map}", site.argo_namespace),
            release: controller.and_then(Controller::release),
            version: controller.map(Controller::version).unwrap_or_default().to_owned(),
            image: controller.map_or("not known", Controller::image).to_owned(),
            gate,
        }
    }
}

impl ModeInputs {
    /// The mode. A setting that the controller does not know has no effect.
    pub(super) fn mode(&self) -> ExecutionMode {
        let is_on = self.flag.as_ref().is_ok_and(|flag| flag.as_deref() == Some("true"));
        match (is_on && !self.crash_loops(), &self.gate) {
            (true, _) => ExecutionMode::Flag,
            (false, Some(_)) => ExecutionMode::Gate,
            (false, None) => ExecutionMode::Sidecar,
        }
    }

    fn crash_loops(&self) -> bool {
        let is_set = self.flag.as_ref().is_ok_and(Option::is_some);
        is_set && self.release.is_some_and(|release| release < KNOWS_FLAG)
    }

    /// The findings about the mode. `agent` is the shared agent, if there is one.
    pub(super) fn judge(
        &self,
        site: &Site,
        agent: &Result<Option<AgentDeployment>, ReadError>,
    ) -> Vec<Finding> {
        let subject = format!("mode of namespace {}", site.namespace);
        let mut found = Vec::new();
        if self.crash_loops() {
            let Self { map, version, .. } = self;
            let text = format!(
                "{FLAG} is set in ConfigMap {map}, and Argo Workflows {version} does not know it: the controller \
                 crash-loops; remove it there, and gate agent pods instead (deploy/components/agent-gate) until Argo \
                 is 4.1 or newer"
            );
            found.push(Finding::fail(&subject, text));
        }
        match (self.mode(), &self.gate) {
            (ExecutionMode::Flag, _) => found.push(self.flagged(&subject)),
            (_, Some(gate)) => found.extend(gate.judge(&subject, site)),
            (_, None) => found.push(self.sidecar(&subject, site, agent)),
        }
        found
    }

    fn flagged(&self, subject: &str) -> Finding {
        let Self { map, version, image, .. } = self;
        let by = format!("shared agent, by {FLAG} in ConfigMap {map}");
        if self.release.is_some() {
            return Finding::ok(subject, format!("{by} (Argo Workflows {version})"));
        }
        let text = format!(
            "{by}, and the controller's version is unknown (image {image}): before 4.1 it crash-loops on that; \
             see that it is 4.1 or newer"
        );
        Finding::warn(subject, text)
    }

    fn sidecar(
        &self,
        subject: &str,
        site: &Site,
        agent: &Result<Option<AgentDeployment>, ReadError>,
    ) -> Finding {
        let errors = [self.label.as_ref().err(), self.flag.as_ref().err(), agent.as_ref().err()];
        if let Some(error) = errors.into_iter().flatten().next() {
            let finding = unread(subject, error);
            return Finding { text: format!("{}; taken for a sidecar's", finding.text), ..finding };
        }
        match agent {
            Ok(Some(agent)) if agent.works_for(&site.namespace) => Finding::fail(
                subject,
                format!(
                    "agent pods start here, and the shared agent {} watches this namespace too: both execute every \
                     step, and a pod without the plugin ends it with \"no plugin executed the template\"; keep agent \
                     pods from starting (label {LABEL}={SHARED} with deploy/components/agent-gate, or with Argo 4.1 \
                     {FLAG}), or take the namespace from the agent",
                    agent.place()
                ),
            ),
            _ => Finding::ok(subject, "sidecar: each workflow has an agent pod with the plugin in it"),
        }
    }
}

#[cfg(test)]
mod tests;
