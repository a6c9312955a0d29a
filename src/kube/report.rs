//! Reports results of tasks to Argo. A late report without guards would bring failed nodes back to life, or finish a
//! new workflow with the same name. Each report therefore names the state that it is based on, and the API server
//! refuses it if that state has changed.

mod basis;

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::task_set::{TaskSetId, TaskSetObject};
use super::{ApiRequest, Cluster, KubeError, Rights, argo};

pub use basis::ReportBasis;

/// The number of tries when the set was changed meanwhile: by another agent, or by the controller, which changes it
/// several times in a row.
const ATTEMPTS: usize = 10;

/// One node's result.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResult {
    /// The node's id.
    pub id: String,
    /// The `plugin` object of the template for which this result is. The report is for that task and no other.
    pub guard: Value,
    /// The result, as Argo's `NodeResult`.
    pub result: Value,
}

/// The outcome of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The version of the set after the report.
    pub resource_version: String,
    /// The basis of the next report to this set.
    pub basis: ReportBasis,
    /// The nodes that Argo no longer waits for. Their results were not written.
    pub withdrawn: Vec<String>,
}

/// Why no result of a report was written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The set was deleted, or another set has its name now. The caller must forget it.
    #[error("WorkflowTaskSet `{}` of namespace `{}` is gone", set.name, set.namespace)]
    Gone {
        /// The set.
        set: TaskSetId,
    },
    /// The report is too large for the API server or etcd. The caller must report a smaller result. When a report has
    /// several results, one of them or all together may be too large: report each alone.
    #[error(
        "reporting to WorkflowTaskSet `{}` in namespace `{}`: the result is too large for the cluster: {reason}; have the step \
         output less, or raise the limits of the API server and etcd",
        set.name, set.namespace
    )]
    TooLarge {
        /// The set.
        set: TaskSetId,
        /// The answer of the server.
        reason: String,
    },
    /// The server refuses a result that Argo waits for, for example because it does not match the CRD's schema. The
    /// caller must report something else.
    #[error(
        "the API server refuses the report to WorkflowTaskSet `{}` in namespace `{}`: {reason}; check that the CRDs are those of \
         the Argo Workflows that is installed",
        set.name, set.namespace
    )]
    Refused {
        /// The set.
        set: TaskSetId,
        /// The answer of the server.
        reason: String,
    },
    /// The request failed. The caller must retry, slowly if RBAC refuses it. The report may have been written
    /// nevertheless; writing it again changes nothing.
    #[error(transparent)]
    Kube(#[from] KubeError),
}

impl Cluster {
    /// Writes `results` into the set's status in one patch, without those that Argo no longer waits for. With an
    /// up-to-date `basis` this takes one request; with an old one, two more.
    pub async fn report(
        &self,
        set: &TaskSetId,
        basis: &ReportBasis,
        results: &[TaskResult],
    ) -> Result<Reported, ReportError> {
        let attempt = format!("reporting to WorkflowTaskSet `{}` in namespace `{}`", set.name, set.namespace);
        let right = "patch on `workflowtasksets/status` of API group argoproj.io (a Role in that namespace, or a ClusterRole)";
        let request = ApiRequest::new(attempt, Rights::Own, right).by("the agent's ServiceAccount");
        let client = self.quick_client().await.map_err(|e| request.no_cluster(e))?;
        let api = Api::namespaced_with(client, &set.namespace, &argo("WorkflowTaskSet"));
        Reporting { api, set, request }.deliver(basis.clone(), results).await
    }
}

struct Reporting<'a> {
    api: Api<TaskSetObject>,
    set: &'a TaskSetId,
    request: ApiRequest,
}

impl Reporting<'_> {
    async fn deliver(&self, mut basis: ReportBasis, results: &[TaskResult]) -> Result<Reported, ReportError> {
        for _ in 0..ATTEMPTS {
            let wanted: Vec<_> = results.iter().filter(|result| basis.awaits(result)).collect();
            let refusal = match wanted.is_empty() {
                true => String::new(),
                false => match self.patch(&basis.operations(&self.set.uid, &wanted)).await? {
                    Ok(object) => return Ok(reported(&object, results, &wanted)),
                    Err(reason) => reason,
                },
            };
            let now = self.look().await?;
            let unchanged = ReportBasis::of(&now) == basis;
            if unchanged && wanted.is_empty() {
                return Ok(reported(&now, results, &wanted));
            } else if unchanged {
                return Err(ReportError::Refused { set: self.set.clone(), reason: refusal });
            }
            basis = ReportBasis::of(&now);
        }
        Err(self.unavailable(format!("others changed it {ATTEMPTS} times meanwhile")))
    }

    /// Reads the current set. A refusal does not say which test failed. The right to `get` is not needed: a patch
    /// that only tests changes nothing, and its answer is the object.
    async fn look(&self) -> Result<TaskSetObject, ReportError> {
        let only = [basis::is(&self.set.uid)];
        self.patch(&only).await?.map_err(|_| ReportError::Gone { set: self.set.clone() })
    }

    /// Sends a patch. Returns the object after the patch, or the reason why the server refused it.
    async fn patch(&self, operations: &[Value]) -> Result<Result<TaskSetObject, String>, ReportError> {
        let patch = serde_json::from_value(json!(operations)).map(Patch::Json::<()>);
        let patch = patch.map_err(|e| self.unavailable(e.to_string()))?;
        let parameters = PatchParams::default();
        match self.api.patch_status(&self.set.name, &parameters, &patch).await {
            Ok(object) => Ok(Ok(object)),
            Err(error) => self.sort(error).map(Err),
        }
    }

    /// Returns the server's reason if it refuses the content of the patch, and otherwise the error.
    fn sort(&self, error: kube::Error) -> Result<String, ReportError> {
        let kube::Error::Api(status) = error else {
            return Err(self.unavailable(super::reason(&error)));
        };
        let (set, reason) = (self.set.clone(), status.message.clone());
        match status.code {
            // 409: others changed the object during each of the server's own tries.
            409 | 422 => Ok(reason),
            403 => Err(self.request.forbidden().into()),
            404 => Err(ReportError::Gone { set }),
            413 => Err(ReportError::TooLarge { set, reason }),
            500 if is_size(&reason) => Err(ReportError::TooLarge { set, reason }),
            _ => Err(self.unavailable(reason)),
        }
    }

    fn unavailable(&self, reason: String) -> ReportError {
        self.request.unavailable(reason).into()
    }
}

fn reported(now: &TaskSetObject, results: &[TaskResult], written: &[&TaskResult]) -> Reported {
    let withdrawn = results.iter().filter(|result| !written.contains(result));
    Reported {
        resource_version: now.metadata.resource_version.clone().unwrap_or_default(),
        basis: ReportBasis::of(now),
        withdrawn: withdrawn.map(|result| result.id.clone()).collect(),
    }
}

/// Whether this is a size error of etcd or of its client.
fn is_size(reason: &str) -> bool {
    reason.contains("request is too large") || reason.contains("message larger than max")
}
