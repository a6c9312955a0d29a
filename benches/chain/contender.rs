//! Who is measured, and what is submitted for each.

use std::fmt;

use serde_json::{Value, json};

use crate::settings::Settings;
use crate::shop::Shop;

/// One way from a commit of the service to one of its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    OneNode,
    TwoNodes,
    /// The first two again, with the shared agent in place of a sidecar.
    AgentOneNode,
    AgentTwoNodes,
    ThreePods,
    Tekton,
}

impl Contender {
    /// Those who run under `settings`: Tekton heeds none of Argo's.
    pub(crate) fn under(settings: Settings) -> Vec<Self> {
        let ours = [Self::OneNode, Self::TwoNodes, Self::AgentOneNode, Self::AgentTwoNodes];
        let mut all = [&ours[..], &[Self::ThreePods]].concat();
        all.extend((settings == Settings::Ours).then_some(Self::Tekton));
        all
    }

    /// Whether it is the product.
    pub(crate) fn is_ours(self) -> bool {
        self.has_sidecar() || self.has_agent()
    }

    /// Whether a sidecar does its steps.
    pub(crate) fn has_sidecar(self) -> bool {
        matches!(self, Self::OneNode | Self::TwoNodes)
    }

    /// Whether the shared agent does its steps.
    pub(crate) fn has_agent(self) -> bool {
        matches!(self, Self::AgentOneNode | Self::AgentTwoNodes)
    }

    /// Where its runs are.
    pub(crate) fn namespace(self) -> &'static str {
        if self.is_ours() { "builds" } else { "peers" }
    }

    /// The kind of its runs, as kubectl names it.
    pub(crate) fn resource(self) -> &'static str {
        if self == Self::Tekton { "pipelineruns" } else { "workflows" }
    }

    /// The label that the pods of its runs have.
    pub(crate) fn pods(self) -> &'static str {
        if self == Self::Tekton { "tekton.dev/pipelineRun" } else { "workflows.argoproj.io/workflow" }
    }

    /// The API path of its runs.
    pub(crate) fn path(self) -> String {
        let group = if self == Self::Tekton { "tekton.dev/v1" } else { "argoproj.io/v1alpha1" };
        format!("/apis/{group}/namespaces/{}/{}", self.namespace(), self.resource())
    }

    /// A run that builds `revision`.
    pub(crate) fn object(self, shop: &Shop, revision: &str) -> Value {
        let cache = format!("cache-registry.buildkit-cache.svc:5000/cache/{}", shop.service.full_name());
        let common = [
            ("repo", shop.service.url()),
            ("revision", revision.to_owned()),
            ("image", shop.service.image()),
            ("gitops-repo", shop.gitops.url()),
        ];
        let own = if self.is_ours() { ("insecure", "true".to_owned()) } else { ("cache", cache) };
        let parameters: Vec<_> = common
            .into_iter()
            .chain([own])
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        match self {
            Self::OneNode | Self::AgentOneNode => workflow("ci-cd-buildkit-deploy", &parameters),
            Self::TwoNodes | Self::AgentTwoNodes => workflow("ci-cd-buildkit-deploy-two-nodes", &parameters),
            Self::ThreePods => workflow("three-pods", &parameters),
            Self::Tekton => json!({
                "apiVersion": "tekton.dev/v1",
                "kind": "PipelineRun",
                "metadata": {"generateName": "chain-"},
                "spec": {
                    "pipelineRef": {"name": "two-tasks"},
                    "params": parameters,
                    "taskRunTemplate": {"serviceAccountName": "peer"},
                },
            }),
        }
    }

    /// How a run ended, once it has.
    pub(crate) fn ended(self, run: &Value) -> Option<bool> {
        if self != Self::Tekton {
            run["status"]["finishedAt"].as_str()?;
            return Some(run["status"]["phase"] == "Succeeded");
        }
        let conditions = run["status"]["conditions"].as_array()?;
        match conditions.iter().find(|c| c["type"] == "Succeeded")?["status"].as_str()? {
            "Unknown" => None,
            status => Some(status == "True"),
        }
    }
}

fn workflow(template: &str, parameters: &[Value]) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "chain-"},
        "spec": {"workflowTemplateRef": {"name": template}, "arguments": {"parameters": parameters}},
    })
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OneNode => "one node",
            Self::TwoNodes => "two nodes",
            Self::AgentOneNode => "one node, shared agent",
            Self::AgentTwoNodes => "two nodes, shared agent",
            Self::ThreePods => "three pods",
            Self::Tekton => "Tekton, two tasks",
        })
    }
}
