//! The messages of the executor-plugin RPC, exactly as Argo spells them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::argo::{NodeResult, Template};

/// `ExecuteTemplateArgs` (argo-workflows `pkg/plugins/executor/template_executor_plugin.go`).
#[derive(Debug, Deserialize)]
pub(super) struct ExecuteRequest {
    pub(super) workflow: WorkflowWire,
    pub(super) template: Template,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowWire {
    pub(super) metadata: Metadata,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) uid: String,
}

/// `ExecuteTemplateReply`. Empty means "not mine": Argo asks the next plugin.
#[derive(Debug, Default, Serialize)]
pub(super) struct Reply {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeResult>,
    /// A Go duration. Honoured for every phase but Succeeded: on a Failed node it would run the step again.
    #[serde(skip_serializing_if = "Option::is_none")]
    requeue: Option<String>,
}

impl Reply {
    pub(super) fn not_ours() -> Self {
        Self::default()
    }

    /// The reply for a job that has not ended: Argo polls again after `requeue`.
    pub(super) fn ongoing(node: NodeResult, requeue: Duration) -> Self {
        Self { node: Some(node), requeue: Some(format!("{}ms", requeue.as_millis())) }
    }

    /// The reply for a job that has ended. It has no `requeue`, in any phase.
    pub(super) fn ended(node: NodeResult) -> Self {
        Self { node: Some(node), requeue: None }
    }
}
