//! Submits Workflows that refer to a WorkflowTemplate, under names that the caller chooses.
//!
//! A Workflow that exists under its name is never made again: the names follow from what is built, so two parties that
//! want the same thing make one Workflow.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::Api;
use kube::api::{DynamicObject, ObjectMeta, PostParams};
use serde_json::{Value, json};

use super::{ApiRequest, Cluster, KubeError, Rights, TRACEPARENT};
use crate::outcome::Fault;
use crate::text;

/// The annotation that says why a Workflow was submitted.
pub const REASON: &str = "argo-buildkit.io/reason";

/// The annotation with the time at which the Workflow was created that decided about the push. Two pushes may be decided about in
/// another order than they came in, and `supersede` ends the Workflow of the older push.
pub const PUSHED_AT: &str = "argo-buildkit.io/pushed-at";

/// The annotation of a Workflow that a newer one has ended, with that one's name. Its commit was not tried to its end.
pub const SUPERSEDED_BY: &str = "argo-buildkit.io/superseded-by";

/// The most bytes of the API server's reason in a message.
const SHOWN: usize = 300;

/// A Workflow to submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its name, valid for a Kubernetes object.
    pub name: String,
    /// The WorkflowTemplate of the same namespace that it runs.
    pub template: String,
    /// Its arguments, written in the order of their names.
    pub parameters: BTreeMap<String, String>,
    /// Its labels. The values must be valid.
    pub labels: BTreeMap<String, String>,
    /// Why it was submitted, for an annotation.
    pub reason: String,
    /// The time for the annotation [`PUSHED_AT`].
    pub pushed_at: Option<Timestamp>,
    /// The W3C `traceparent` for the annotation [`TRACEPARENT`], if traces are sent.
    pub traceparent: Option<String>,
}

/// The outcome of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The Workflow was created.
    Created,
    /// A Workflow has the name already.
    Exists {
        /// Its phase, such as `Running` or `Failed`; empty if the controller has not seen it.
        phase: String,
    },
}

/// A Workflow that has a name already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundWorkflow {
    /// Its phase, such as `Running` or `Failed`; empty if the controller has not seen it.
    pub phase: String,
    /// Whether the step `supersede` of another Workflow has ended it.
    pub superseded: bool,
    /// When its push was announced: the time in [`PUSHED_AT`], or its creation time.
    pub pushed: Option<Timestamp>,
}

/// Why a Workflow was not submitted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// The API server or an admission webhook refuses the Workflow itself.
    #[error(
        "workflow `{name}` was not submitted, because the Kubernetes API refuses it: {why}; correct the name of its \
             template and its parameters, or look at the quotas and admission webhooks of the namespace"
    )]
    Refused {
        /// The name of the Workflow.
        name: String,
        /// The server's reason.
        why: String,
    },
    /// The request to the API server failed.
    #[error(transparent)]
    Kube(#[from] KubeError),
}

impl SubmitError {
    /// Says whose fault the error is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Kube(error) => error.fault(),
            Self::Refused { .. } => Fault::User,
        }
    }
}

/// When the push was announced that a Workflow is about.
pub(super) fn pushed(metadata: &ObjectMeta) -> Option<Timestamp> {
    let annotated = metadata.annotations.as_ref().and_then(|all| all.get(PUSHED_AT)?.parse().ok());
    annotated.or_else(|| metadata.creation_timestamp.as_ref().map(|time| time.0))
}

/// Submits Workflows to one namespace.
pub struct Submitter {
    api: Api<DynamicObject>,
    namespace: String,
    rights: Rights,
}

impl Cluster {
    /// A submitter of Workflows to `namespace`, with the rights of that namespace.
    pub async fn submitter(&self, namespace: &str) -> Result<Submitter, SubmitError> {
        let rights = self.rights_for(namespace);
        let attempt = format!("submitting workflows to namespace `{namespace}`");
        let client = self.client_for(namespace).await;
        let client = client.map_err(|reason| request(attempt, &rights).no_cluster(reason))?;
        let api = Api::namespaced_with(client, namespace, &super::argo("Workflow"));
        Ok(Submitter { api, namespace: namespace.to_owned(), rights })
    }
}

fn request(attempt: String, rights: &Rights) -> ApiRequest {
    let right = "`create` and `get` on workflows of argoproj.io (the component `submit` of deploy/components, or a Role in that \
                 namespace)";
    ApiRequest::new(attempt, rights.clone(), right)
}

impl Submitter {
    /// Creates the Workflow, unless one has its name.
    ///
    /// # Errors
    /// The API server refuses it, or a right is missing.
    pub async fn submit(&self, submission: &Submission) -> Result<Submitted, SubmitError> {
        if self.create(submission).await? {
            return Ok(Submitted::Created);
        }
        match self.find(&submission.name).await? {
            Some(found) => Ok(Submitted::Exists { phase: found.phase }),
            // It was deleted meanwhile.
            None if self.create(submission).await? => Ok(Submitted::Created),
            None => {
                let attempt =
                    format!("submitting workflow `{}` in namespace `{}`", submission.name, self.namespace);
                let error = request(attempt, &self.rights)
                    .unavailable("it was created and deleted by others meanwhile");
                Err(error.into())
            }
        }
    }

    /// The Workflow `name`, if there is one.
    ///
    /// # Errors
    /// A right is missing, or the API server is away.
    pub async fn find(&self, name: &str) -> Result<Option<FoundWorkflow>, SubmitError> {
        let failed = |error| self.failed(&error, &format!("reading workflow `{name}`"));
        let found = self.api.get_opt(name).await.map_err(failed)?;
        Ok(found.map(|found| FoundWorkflow {
            phase: text::brief(found.data["status"]["phase"].as_str().unwrap_or_default(), SHOWN),
            pushed: pushed(&found.metadata),
            superseded: found.metadata.annotations.is_some_and(|all| all.contains_key(SUPERSEDED_BY)),
        }))
    }

    /// Returns false if a Workflow has the name.
    async fn create(&self, submission: &Submission) -> Result<bool, SubmitError> {
        let object = serde_json::from_value(submission.object(&self.namespace));
        let object: DynamicObject =
            object.map_err(|e| SubmitError::Refused { name: submission.name.clone(), why: e.to_string() })?;
        match self.api.create(&PostParams::default(), &object).await {
            Ok(_) => Ok(true),
            // A quota also answers 409, if several requests come at once.
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(false),
            Err(error) => Err(self.failed(&error, &format!("submitting workflow `{}`", submission.name))),
        }
    }

    fn failed(&self, error: &kube::Error, attempt: &str) -> SubmitError {
        let name = || attempt.split('`').nth(1).unwrap_or_default().to_owned();
        match error {
            // 422 is the validation of the object, 400 most admission webhooks; a quota answers 403, as a missing right does.
            kube::Error::Api(status)
                if matches!(status.code, 400 | 422) || status.message.contains("exceeded quota") =>
            {
                SubmitError::Refused { name: name(), why: text::brief(&status.message, SHOWN) }
            }
            error => {
                let attempt = format!("{attempt} in namespace `{}`", self.namespace);
                request(attempt, &self.rights).failed(error).into()
            }
        }
    }
}

impl Submission {
    fn object(&self, namespace: &str) -> Value {
        let parameters = self.parameters.iter();
        let parameters: Vec<_> =
            parameters.map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut annotations = json!({REASON: self.reason});
        if let Some(time) = self.pushed_at {
            annotations[PUSHED_AT] = json!(time.to_string());
        }
        if let Some(traceparent) = &self.traceparent {
            annotations[TRACEPARENT] = json!(traceparent);
        }
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": self.name,
                "namespace": namespace,
                "labels": self.labels,
                "annotations": annotations,
            },
            "spec": {
                "workflowTemplateRef": {"name": self.template},
                "arguments": {"parameters": parameters},
            },
        })
    }
}
