//! The Workflows of one namespace: lists those with a common label, and ends them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::json;

use super::submit::{SUPERSEDED_BY, pushed};
use super::task_set::COMPLETED;
use super::{ApiRequest, Cluster, KubeError, Rights};
use crate::outcome::Fault;

/// The Workflows of a namespace.
pub struct Workflows {
    api: Api<DynamicObject>,
    namespace: String,
    rights: Rights,
}

/// The fields that are read from a Workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The name of the Workflow.
    pub name: String,
    /// The labels of the Workflow.
    pub labels: BTreeMap<String, String>,
    /// When its push was announced, in whole seconds: the time in its annotation [`PUSHED_AT`](super::PUSHED_AT), or its creation
    /// time.
    pub pushed: Option<Timestamp>,
    /// Whether the Workflow waits for a lock, or the controller has not seen it yet.
    pub waits: bool,
    /// Whether the Workflow has ended, or was told to end.
    pub ended: bool,
    uid: String,
}

/// The way in which a Workflow is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownStrategy {
    /// The exit handlers run.
    Stop,
    /// The exit handlers do not run.
    Terminate,
}

/// Why the Workflows could not be read or ended.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowsError {
    /// There is no such Workflow.
    #[error(
        "workflow `{name}` does not exist in namespace `{namespace}`; this step works inside a workflow only, so run it in one"
    )]
    NotFound {
        /// The name of the Workflow.
        name: String,
        /// The namespace.
        namespace: String,
    },
    /// The request to the API server failed.
    #[error(transparent)]
    Kube(#[from] KubeError),
}

impl WorkflowsError {
    /// Says whose fault the error is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Kube(error) => error.fault(),
            Self::NotFound { .. } => Fault::User,
        }
    }
}

impl Cluster {
    /// The Workflows of `namespace`, with the rights of that namespace.
    pub async fn workflows(&self, namespace: &str) -> Result<Workflows, WorkflowsError> {
        let rights = self.rights_for(namespace);
        let no_cluster = |reason| request("looking for workflows", namespace, &rights).no_cluster(reason);
        let client = self.client_for(namespace).await.map_err(no_cluster)?;
        let kind = super::argo("Workflow");
        let api = Api::namespaced_with(client, namespace, &kind);
        Ok(Workflows { api, namespace: namespace.to_owned(), rights })
    }
}

fn request(attempt: &str, namespace: &str, rights: &Rights) -> ApiRequest {
    let right = "`get`, `list` and `patch` on workflows of argoproj.io (a Role in that namespace), or let builds queue";
    ApiRequest::new(format!("{attempt} in namespace `{namespace}`"), rights.clone(), right)
}

impl Workflows {
    /// Reads the Workflow `name`.
    pub async fn get(&self, name: &str) -> Result<Workflow, WorkflowsError> {
        let failed = |error| self.failed(&error, &format!("reading workflow `{name}`"));
        let missing =
            || WorkflowsError::NotFound { name: name.to_owned(), namespace: self.namespace.clone() };
        self.api.get_opt(name).await.map_err(failed)?.map(Workflow::read).ok_or_else(missing)
    }

    /// Lists the Workflows that have the label `key` with `value` and were not told to end.
    pub async fn unfinished(&self, key: &str, value: &str) -> Result<Vec<Workflow>, WorkflowsError> {
        let failed = |error| self.failed(&error, "listing workflows");
        let chosen = format!("{key}={value},{COMPLETED}!=true");
        let list = self.api.list(&ListParams::default().labels(&chosen)).await.map_err(failed)?;
        Ok(list.items.into_iter().map(Workflow::read).filter(|workflow| !workflow.ended).collect())
    }

    /// Gives `workflow` the label `key` with `value`.
    pub async fn label(&self, workflow: &Workflow, key: &str, value: &str) -> Result<(), WorkflowsError> {
        let metadata = json!({"uid": workflow.uid, "labels": {key: value}});
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let failed = |error| self.failed(&error, &format!("labelling workflow `{}`", workflow.name));
        self.api.patch(&workflow.name, &PatchParams::default(), &patch).await.map(drop).map_err(failed)
    }

    /// Tells the controller to end `workflow`, because the Workflow `by` is newer. Returns false if it no longer exists.
    pub async fn shut_down(
        &self,
        workflow: &Workflow,
        how: ShutdownStrategy,
        by: &str,
    ) -> Result<bool, WorkflowsError> {
        let how = match how {
            ShutdownStrategy::Stop => "Stop",
            ShutdownStrategy::Terminate => "Terminate",
        };
        // The uid makes the patch fail for another Workflow with the same name.
        let metadata = json!({"uid": workflow.uid, "annotations": {SUPERSEDED_BY: by}});
        let patch = Patch::Merge(json!({"metadata": metadata, "spec": {"shutdown": how}}));
        match self.api.patch(&workflow.name, &PatchParams::default(), &patch).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
            Err(error) => Err(self.failed(&error, &format!("ending workflow `{}`", workflow.name))),
        }
    }

    fn failed(&self, error: &kube::Error, attempt: &str) -> WorkflowsError {
        request(attempt, &self.namespace, &self.rights).failed(error).into()
    }
}

impl Workflow {
    /// Whether its push was announced before that of `other`. Of two in one second neither is older: their names say nothing about
    /// their commits, and the newest must not be ended.
    pub fn is_older(&self, other: &Self) -> bool {
        self.pushed < other.pushed
    }

    fn read(object: DynamicObject) -> Self {
        let metadata = object.metadata;
        let pushed = pushed(&metadata);
        let name = metadata.name.unwrap_or_default();
        let (spec, status) = (&object.data["spec"], &object.data["status"]);
        let told = spec["shutdown"].as_str().is_some_and(|how| !how.is_empty());
        Self {
            pushed,
            name,
            labels: metadata.labels.unwrap_or_default(),
            waits: matches!(status["phase"].as_str(), None | Some("" | "Pending")),
            ended: told || status["finishedAt"].is_string(),
            uid: metadata.uid.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::PUSHED_AT;
    use super::*;

    fn workflow(name: &str, created: &str, rest: serde_json::Value) -> Workflow {
        let metadata = json!({"name": name, "creationTimestamp": created, "uid": "u"});
        let mut object =
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata});
        object["spec"] = rest["spec"].clone();
        object["status"] = rest["status"].clone();
        Workflow::read(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn the_older_was_created_in_an_earlier_second() {
        let at = |name, second: u32| workflow(name, &format!("2026-01-01T00:00:{second:02}Z"), json!({}));
        assert!(at("z", 9).is_older(&at("a", 10)));
        assert!(!at("a", 10).is_older(&at("b", 10)) && !at("b", 10).is_older(&at("a", 10)));
        assert!(!at("a", 11).is_older(&at("b", 10)));
    }

    /// A Workflow that decides about the first push may be slower than that about the second.
    #[test]
    fn the_older_is_that_of_the_older_push_even_if_it_was_created_later() {
        let at = |created: &str, pushed: &str| {
            let metadata = json!({
                "name": "w", "creationTimestamp": created, "annotations": {PUSHED_AT: pushed},
            });
            let object =
                json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata});
            Workflow::read(serde_json::from_value(object).unwrap())
        };
        let [first, second] = [("12", "08"), ("10", "09")].map(|(created, pushed)| {
            at(&format!("2026-01-01T00:00:{created}Z"), &format!("2026-01-01T00:00:{pushed}Z"))
        });
        assert!(first.is_older(&second) && !second.is_older(&first));
        let alone = workflow("alone", "2026-01-01T00:00:09Z", json!({}));
        assert!(first.is_older(&alone) && !second.is_older(&alone) && !alone.is_older(&second));
        let odd = at("2026-01-01T00:00:12Z", "yesterday");
        assert!(alone.is_older(&odd), "what is no time counts for nothing");
    }

    #[test]
    fn one_that_waits_runs_or_has_ended_is_told_apart() {
        for (rest, waits, ended) in [
            (json!({}), true, false),
            (json!({"status": {"phase": "Pending"}}), true, false),
            (json!({"spec": {"shutdown": ""}, "status": {"phase": "Running"}}), false, false),
            (json!({"spec": {"shutdown": "Stop"}, "status": {"phase": "Running"}}), false, true),
            (json!({"status": {"phase": "Failed", "finishedAt": "2026-01-01T00:00:00Z"}}), false, true),
        ] {
            let read = workflow("a", "2026-01-01T00:00:00Z", rest.clone());
            assert_eq!((read.waits, read.ended), (waits, ended), "{rest}");
        }
    }
}
