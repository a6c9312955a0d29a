//! What our agent tells Argo of its tasks. An unguarded report that comes late brings failed nodes back to life, or
//! finishes a workflow that was made anew by the same name: so each says what it believes, and is refused otherwise.

mod form;

use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::task_set::{TaskSetId, TaskSetObject};
use super::{Cluster, KubeError, Request, Rights, argo};

pub use form::Form;

/// How often a report is tried anew because the set was changed: by another agent, or by the controller, which changes it
/// several times in a row.
const ATTEMPTS: usize = 10;

/// One node's result.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResult {
    /// The node's id.
    pub id: String,
    /// The `plugin` object of its template, as it was seen: the report is for that task and no other.
    pub guard: Value,
    /// Argo's NodeResult.
    pub result: Value,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The set's version by now.
    pub resource_version: String,
    /// What the next report of it heeds.
    pub form: Form,
    /// The nodes whose results Argo no longer waits for. Nothing was written of them.
    pub withdrawn: Vec<String>,
}

/// Why nothing of a report was written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The set is gone, or is another by the same name: forget it.
    #[error("WorkflowTaskSet `{}` of namespace `{}` is gone", set.name, set.namespace)]
    Gone {
        /// Which.
        set: TaskSetId,
    },
    /// Too large for the API server or etcd: report a smaller result. With several, one of them may be too large, or
    /// all together: report each alone.
    #[error(
        "reporting to WorkflowTaskSet `{}` in namespace `{}`: the result is too large for the cluster: {reason}; have the step \
         output less, or raise the limits of the API server and etcd",
        set.name, set.namespace
    )]
    TooLarge {
        /// Which.
        set: TaskSetId,
        /// What the server said.
        reason: String,
    },
    /// The server does not take it although Argo waits for it, as where the result breaks the CRD's schema: report
    /// something else.
    #[error(
        "the API server refuses the report to WorkflowTaskSet `{}` in namespace `{}`: {reason}; check that the CRDs are those of \
         the Argo Workflows that is installed",
        set.name, set.namespace
    )]
    Refused {
        /// Which.
        set: TaskSetId,
        /// What the server said.
        reason: String,
    },
    /// The API server did not take it: try again, slowly where RBAC refuses it. The report may have been written nevertheless;
    /// writing it again changes nothing.
    #[error(transparent)]
    Kube(#[from] KubeError),
}

impl Cluster {
    /// Writes `results` into the set's status, all at once, but for those that Argo does not wait for any longer. With
    /// the `form` of the set as it is it takes one request; with an old one, two more.
    pub async fn report(
        &self,
        set: &TaskSetId,
        form: &Form,
        results: &[TaskResult],
    ) -> Result<Reported, ReportError> {
        let attempt = format!("reporting to WorkflowTaskSet `{}` in namespace `{}`", set.name, set.namespace);
        let right = "patch on `workflowtasksets/status` of API group argoproj.io (a Role in that namespace, or a ClusterRole)";
        let request = Request::new(attempt, Rights::Own, right).by("the agent's ServiceAccount");
        let client = self.quick_client().await.map_err(|e| request.no_cluster(e))?;
        let api = Api::namespaced_with(client, &set.namespace, &argo("WorkflowTaskSet"));
        Reporting { api, set, request }.deliver(form.clone(), results).await
    }
}

struct Reporting<'a> {
    api: Api<TaskSetObject>,
    set: &'a TaskSetId,
    request: Request,
}

impl Reporting<'_> {
    async fn deliver(&self, mut form: Form, results: &[TaskResult]) -> Result<Reported, ReportError> {
        for _ in 0..ATTEMPTS {
            let wanted: Vec<_> = results.iter().filter(|result| form.awaits(result)).collect();
            let refusal = match wanted.is_empty() {
                true => String::new(),
                false => match self.patch(&form.operations(&self.set.uid, &wanted)).await? {
                    Ok(object) => return Ok(reported(&object, results, &wanted)),
                    Err(reason) => reason,
                },
            };
            let now = self.look().await?;
            let unchanged = Form::of(&now) == form;
            if unchanged && wanted.is_empty() {
                return Ok(reported(&now, results, &wanted));
            } else if unchanged {
                return Err(ReportError::Refused { set: self.set.clone(), reason: refusal });
            }
            form = Form::of(&now);
        }
        Err(self.unavailable(format!("others changed it {ATTEMPTS} times meanwhile")))
    }

    /// The set as it is. A refusal does not say which test failed, and the right to `get` is not asked for: a patch
    /// that only tests changes nothing, and is answered with the object.
    async fn look(&self) -> Result<TaskSetObject, ReportError> {
        let only = [form::is(&self.set.uid)];
        self.patch(&only).await?.map_err(|_| ReportError::Gone { set: self.set.clone() })
    }

    /// The object after the patch, or why the server refuses it.
    async fn patch(&self, operations: &[Value]) -> Result<Result<TaskSetObject, String>, ReportError> {
        let patch = serde_json::from_value(json!(operations)).map(Patch::Json::<()>);
        let patch = patch.map_err(|e| self.unavailable(e.to_string()))?;
        let parameters = PatchParams::default();
        match self.api.patch_status(&self.set.name, &parameters, &patch).await {
            Ok(object) => Ok(Ok(object)),
            Err(error) => self.sort(error).map(Err),
        }
    }

    /// The server's reason if it refuses what the patch says, or the error.
    fn sort(&self, error: kube::Error) -> Result<String, ReportError> {
        let kube::Error::Api(status) = error else {
            return Err(self.unavailable(super::reason(&error)));
        };
        let (set, reason) = (self.set.clone(), status.message.clone());
        match status.code {
            // 409: others changed the object as often as the server tried.
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
        form: Form::of(now),
        withdrawn: withdrawn.map(|result| result.id.clone()).collect(),
    }
}

/// etcd's refusal of a request, or its client's.
fn is_size(reason: &str) -> bool {
    reason.contains("request is too large") || reason.contains("message larger than max")
}
