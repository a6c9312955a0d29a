//! Argo's messages, exactly as Argo spells them; nowhere else.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outcome::Outputs;

/// `ExecuteTemplateArgs` (argo-workflows `pkg/plugins/executor/template_executor_plugin.go`).
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) workflow: Workflow,
    pub(super) template: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) metadata: Metadata,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) uid: String,
}

impl Request {
    /// What is under `plugin.buildkit`, or nothing: the template is another plugin's.
    pub(super) fn step(&self) -> Option<&Value> {
        self.template.get("plugin")?.get("buildkit")
    }

    /// The template's `timeout`, as it is written; `""` counts as none.
    pub(super) fn timeout(&self) -> Option<&str> {
        self.template.get("timeout").and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The output parameters that the template declares.
    pub(super) fn declared(&self) -> Vec<String> {
        let parameters = self.template.pointer("/outputs/parameters").and_then(Value::as_array);
        let name = |p: &Value| p.get("name").and_then(Value::as_str).map(str::to_owned);
        parameters.into_iter().flatten().filter_map(name).collect()
    }
}

/// `ExecuteTemplateReply`. Empty means "not mine": Argo asks the next plugin.
#[derive(Debug, Default, Serialize)]
pub(super) struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Node>,
    /// A Go duration. Honoured for every phase but Succeeded: on a Failed node it would run the step again.
    #[serde(skip_serializing_if = "Option::is_none")]
    requeue: Option<String>,
}

/// `NodeResult`. The message is never empty: Argo merges it, and an empty one would leave the last in place.
#[derive(Debug, Serialize)]
struct Node {
    phase: NodePhase,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<NodeOutputs>,
}

/// The node phases that a plugin may answer with; any other string hangs the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum NodePhase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Error,
}

#[derive(Debug, Serialize)]
struct NodeOutputs {
    parameters: Vec<Parameter>,
    #[serde(rename = "exitCode", skip_serializing_if = "Option::is_none")]
    exit_code: Option<String>,
}

#[derive(Debug, Serialize)]
struct Parameter {
    name: String,
    value: String,
}

impl Reply {
    pub(super) fn not_ours() -> Self {
        Self::default()
    }

    /// Ask again after `requeue`.
    pub(super) fn ongoing(phase: NodePhase, message: String, requeue: Duration) -> Self {
        let node = Node { phase, message, outputs: None };
        Self { node: Some(node), requeue: Some(format!("{}ms", requeue.as_millis())) }
    }

    /// The end. No `requeue`, whatever the phase.
    pub(super) fn ended(phase: NodePhase, message: String, outputs: Outputs, exit_code: Option<i32>) -> Self {
        let parameters = outputs.into_iter().map(|(name, value)| Parameter { name, value }).collect();
        let outputs = NodeOutputs { parameters, exit_code: exit_code.map(|code| code.to_string()) };
        Self { node: Some(Node { phase, message, outputs: Some(outputs) }), requeue: None }
    }

    pub(super) fn failed(message: impl ToString) -> Self {
        Self::ended(NodePhase::Failed, message.to_string(), Outputs::new(), None)
    }
}
