//! What the metadata of a Workflow says about its origin.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::DynamicObject;

use super::{ApiRequest, Cluster, KubeError, Rights};
use crate::selection::DELIVERY_ANNOTATION;

/// The annotation with the W3C `traceparent` of what made the Workflow, such as a step that submitted it.
pub const TRACEPARENT: &str = "argo-buildkit.io/traceparent";

/// Argo's label with the WorkflowTemplate that a Workflow was made from (argo-workflows `workflow/common/common.go`).
const TEMPLATE: &str = "workflows.argoproj.io/workflow-template";

/// The origin of a Workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowOrigin {
    /// The uid of the Workflow.
    pub uid: String,
    /// When it was created, in whole seconds.
    pub created: Option<Timestamp>,
    /// The WorkflowTemplate that it was made from, if Argo says so.
    pub template: Option<String>,
    /// The value of [`TRACEPARENT`]. Users write it: it may be anything.
    pub traceparent: Option<String>,
    /// The value of [`DELIVERY_ANNOTATION`]. Users write it: it may be anything.
    pub delivery: Option<String>,
}

impl Cluster {
    /// Reads the origin of the Workflow `name`; `None` if it does not exist. Only its metadata is read, because a
    /// Workflow may be large.
    ///
    /// # Errors
    /// A right is missing, no cluster is configured, or the API server is away.
    pub async fn workflow_origin(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<WorkflowOrigin>, KubeError> {
        let attempt = format!("reading the metadata of workflow `{name}` in namespace `{namespace}`");
        let right = "`get` on workflows of argoproj.io (a Role in that namespace)";
        let request = ApiRequest::new(attempt, Rights::Own, right).by("this process's ServiceAccount");
        let client = self.quick_client().await.map_err(|e| request.no_cluster(e))?;
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &super::argo("Workflow"));
        let found = api.get_metadata_opt(name).await.map_err(|error| request.failed(&error))?;
        Ok(found.map(|found| WorkflowOrigin::read(found.metadata)))
    }
}

impl WorkflowOrigin {
    fn read(metadata: ObjectMeta) -> Self {
        let mut annotations = metadata.annotations.unwrap_or_default();
        Self {
            uid: metadata.uid.unwrap_or_default(),
            created: metadata.creation_timestamp.map(|time| time.0),
            template: metadata.labels.and_then(|mut labels| labels.remove(TEMPLATE)),
            traceparent: annotations.remove(TRACEPARENT),
            delivery: annotations.remove(DELIVERY_ANNOTATION),
        }
    }
}
