//! Looks at workloads and their pods, if the rights of the workflow's namespace allow it. Missing rights make messages shorter and
//! failures later; most outcomes stay the same.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::debug;

use super::{pods, rollout};
use crate::kube::{Cluster, KubeError, argo, resource};
use crate::oci::ImageRef;
use crate::step::sync::WorkloadKind;
use rollout::RolloutState;

/// The most workloads that are looked at, and the most pods of each.
const WORKLOADS: usize = 10;
const PODS: u32 = 20;

/// Looks of all steps of this process at a time: a pod may have a megabyte.
static LOOKS: Semaphore = Semaphore::const_new(2);

/// How long a look may take. Nothing else is judged meanwhile.
const LIMIT: Duration = Duration::from_secs(5);

/// A workload and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkloadRef<'a> {
    pub(super) kind: WorkloadKind,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Look {
    states: Vec<RolloutState>,
    pub(super) troubles: Vec<String>,
    /// What Rollouts wait for or why they failed. The health of an Application does not say it.
    pub(super) notes: Vec<String>,
    /// Whether something could not be seen.
    is_partial: bool,
}

/// Reads workloads with the rights of one namespace.
pub(super) struct Looker<'a> {
    cluster: &'a Cluster,
    tenant: &'a str,
    /// The right that is missing. It is asked for once.
    missing: Mutex<Option<String>>,
    /// The same for Rollouts. Other workloads can be seen without it.
    missing_of_rollouts: Mutex<Option<String>>,
}

impl<'a> Looker<'a> {
    pub(super) fn new(cluster: &'a Cluster, tenant: &'a str) -> Self {
        Self { cluster, tenant, missing: Mutex::default(), missing_of_rollouts: Mutex::default() }
    }

    /// The right without which nothing can be seen; `None` if it is not missing.
    pub(super) fn missing(&self) -> Option<String> {
        read(&self.missing)
    }

    /// What to grant so that more can be said; `None` if no right is missing.
    pub(super) fn advice(&self) -> Option<String> {
        self.missing().or_else(|| read(&self.missing_of_rollouts))
    }

    /// Whether a workload of this kind may not be seen.
    fn is_hidden(&self, kind: WorkloadKind) -> bool {
        read(self.missing_of(kind)).is_some() || self.missing().is_some()
    }

    /// The place for the right to read a workload.
    fn missing_of(&self, kind: WorkloadKind) -> &Mutex<Option<String>> {
        if kind == WorkloadKind::Rollout { &self.missing_of_rollouts } else { &self.missing }
    }

    /// Looks at some workloads, and at their pods that run one of `images`.
    pub(super) async fn look(&self, workloads: &[WorkloadRef<'_>], images: &[ImageRef]) -> Look {
        let mut look = Look { is_partial: workloads.len() > WORKLOADS, ..Look::default() };
        let is_late = timeout(LIMIT, self.all(workloads, images, &mut look)).await.is_err();
        look.is_partial |= is_late;
        look
    }

    async fn all(&self, workloads: &[WorkloadRef<'_>], images: &[ImageRef], look: &mut Look) {
        // The semaphore is never closed.
        let Ok(_turn) = LOOKS.acquire().await else { return };
        for workload in workloads.iter().take(WORKLOADS) {
            if self.is_hidden(workload.kind) || self.one(workload, images, look).await.is_none() {
                look.is_partial = true;
            }
        }
    }

    /// Adds what is seen of one workload. `None` if it cannot be seen.
    async fn one(&self, workload: &WorkloadRef<'_>, images: &[ImageRef], look: &mut Look) -> Option<()> {
        let objects =
            self.cluster.tenant_objects(self.tenant, resource_of(workload.kind), workload.namespace).await;
        let missing = self.missing_of(workload.kind);
        let object = seen(seen(objects, missing)?.get(workload.name).await, missing)??;
        let state = rollout::state(workload.kind, &object);
        look.notes.extend(note(workload, &state));
        look.states.push(state);
        let labels = rollout::selector(&object)?;
        let objects =
            self.cluster.tenant_objects(self.tenant, resource("", "v1", "Pod"), workload.namespace).await;
        let found = seen(seen(objects, &self.missing)?.list(&labels, PODS).await, &self.missing)?;
        look.troubles.extend(pods::troubles(&found, images));
        Some(())
    }
}

/// The answer to a request, or nothing. A right that is missing is kept in `missing`.
fn seen<T>(answer: Result<T, KubeError>, missing: &Mutex<Option<String>>) -> Option<T> {
    let error = match answer {
        Ok(seen) => return Some(seen),
        Err(error) => error,
    };
    debug!("looking at the pods of a deployment failed: {error}");
    if matches!(error, KubeError::Forbidden { .. } | KubeError::MayNotAct { .. }) {
        let mut missing = missing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        missing.get_or_insert_with(|| error.to_string());
    }
    None
}

fn read(missing: &Mutex<Option<String>>) -> Option<String> {
    missing.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

impl Look {
    /// Whether every rollout has ended, and some workload only has more or fewer pods than it is to have.
    pub(super) fn is_only_scaling(&self) -> bool {
        let is_complete = |state: &RolloutState| matches!(state, RolloutState::Complete { .. });
        let scales = |state: &RolloutState| matches!(state, RolloutState::Complete { is_scaling: true });
        !self.is_partial && self.states.iter().all(is_complete) && self.states.iter().any(scales)
    }

    /// Whether a rollout has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.states.iter().any(|state| matches!(state, RolloutState::Failed(_)))
    }
}

/// What a Rollout says of itself beside the health of its Application.
fn note(workload: &WorkloadRef<'_>, state: &RolloutState) -> Option<String> {
    match state {
        RolloutState::Failed(why) | RolloutState::Held(why) if workload.kind == WorkloadKind::Rollout => {
            Some(format!("Rollout `{}`: {why}", workload.name))
        }
        _ => None,
    }
}

/// The API of a kind of workload.
pub(super) fn resource_of(kind: WorkloadKind) -> kube::api::ApiResource {
    match kind {
        WorkloadKind::Rollout => argo(kind.name()),
        _ => resource("apps", "v1", kind.name()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::convert::Infallible;

    use kube::Client;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    /// The answer of an API server where Rollouts may not be read.
    fn answer(path: &str) -> (u16, Value) {
        match path {
            _ if path.contains("/rollouts/") => {
                let (reason, message) = ("Forbidden", "no");
                (
                    403,
                    json!({"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": 403}),
                )
            }
            _ if path.ends_with("/pods") => {
                (200, json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}))
            }
            _ => {
                let spec = json!({"selector": {"matchLabels": {"app": "web"}}});
                let metadata = json!({"name": "web"});
                let kind = json!("Deployment");
                (200, json!({"kind": kind, "apiVersion": "apps/v1", "metadata": metadata, "spec": spec}))
            }
        }
    }

    #[tokio::test]
    async fn without_the_right_to_rollouts_other_workloads_are_seen() {
        let server = tower::service_fn(|request: http::Request<Body>| async move {
            let (status, body) = answer(request.uri().path());
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, Infallible>(http::Response::builder().status(status).body(body).unwrap())
        });
        let cluster = Cluster::from(Client::new(server, "default"));
        let looker = Looker::new(&cluster, "builds");
        let workload = |kind, name| WorkloadRef { kind, namespace: "shop", name };
        let workloads = [workload(WorkloadKind::Rollout, "api"), workload(WorkloadKind::Deployment, "web")];
        let look = looker.look(&workloads, &[]).await;
        assert_eq!((look.states.len(), look.is_partial, looker.missing()), (1, true, None));
        assert!(looker.advice().unwrap().contains("rollouts"), "{:?}", looker.advice());
    }

    fn look(states: Vec<RolloutState>) -> Look {
        Look { states, ..Look::default() }
    }

    fn complete(is_scaling: bool) -> RolloutState {
        RolloutState::Complete { is_scaling }
    }

    #[test]
    fn only_what_scales_is_taken_for_healthy() {
        assert!(look(vec![complete(false), complete(true)]).is_only_scaling());
        assert!(!look(vec![complete(false)]).is_only_scaling());
        assert!(!look(vec![]).is_only_scaling());
        assert!(!look(vec![complete(true), RolloutState::Waiting(String::new())]).is_only_scaling());
        let partial = Look { is_partial: true, ..look(vec![complete(true)]) };
        assert!(!partial.is_only_scaling());
    }
}
