//! Reads an Application from its JSON.
//!
//! Reading never fails: a field of another form counts as absent. Argo CD leaves out what is empty.

use serde_json::Value;

use super::{
    ApplicationState, AppliedImage, Condition, Health, ManagedWorkload, OperationPhase, OperationState,
    SyncStatus,
};
use crate::argocd::REFRESH;
use crate::git::advert::is_oid;
use crate::text;

/// The most bytes of a text of Argo CD that is kept. It may repeat a whole manifest.
const LONGEST: usize = 1000;

/// The server of a destination that is Argo CD's own cluster.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";

impl ApplicationState {
    /// Reads an Application.
    pub fn read(object: &Value) -> Self {
        let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
        let (sync, automated) = (&status["sync"], &spec["syncPolicy"]["automated"]);
        let destination = &spec["destination"];
        Self {
            version: string(&metadata["resourceVersion"]),
            has_status: sync["status"].is_string(),
            is_refreshing: metadata["annotations"][REFRESH.0].is_string(),
            is_automated: automated.is_object() && automated["enabled"] != Value::Bool(false),
            revisions: revisions(sync),
            sync: match sync["status"].as_str() {
                Some("Synced") => SyncStatus::Synced,
                Some("OutOfSync") => SyncStatus::OutOfSync,
                _ => SyncStatus::Unknown,
            },
            health: Health::read(status["health"]["status"].as_str().unwrap_or_default()),
            operation: OperationState::read(object),
            conditions: items(&status["conditions"]).iter().map(Condition::read).collect(),
            images: strings(&status["summary"]["images"]),
            workloads: workloads(&status["resources"]),
            is_in_cluster: destination["server"] == IN_CLUSTER || destination["name"] == "in-cluster",
            has_autoscaler: items(&status["resources"])
                .iter()
                .any(|each| each["kind"] == "HorizontalPodAutoscaler"),
        }
    }
}

impl Health {
    fn read(name: &str) -> Self {
        let all =
            [Self::Healthy, Self::Progressing, Self::Degraded, Self::Suspended, Self::Missing, Self::Unknown];
        all.into_iter().find(|health| health.name() == name).unwrap_or(Self::Unknown)
    }
}

impl OperationState {
    fn read(object: &Value) -> Self {
        let state = &object["status"]["operationState"];
        let result = &state["syncResult"];
        let resources = items(&result["resources"]);
        Self {
            is_requested: object["operation"].is_object(),
            is_automatic: is_automatic(&state["operation"]["initiatedBy"]),
            phase: match state["phase"].as_str() {
                Some("Running") => OperationPhase::Running,
                Some("Terminating") => OperationPhase::Terminating,
                Some("Succeeded") => OperationPhase::Succeeded,
                Some("Failed") => OperationPhase::Failed,
                Some("Error") => OperationPhase::Error,
                _ => OperationPhase::None,
            },
            message: said(&state["message"]),
            retries: state["retryCount"].as_u64().unwrap_or_default(),
            revisions: revisions(result),
            refused: resources.iter().filter(|each| each["status"] == "SyncFailed").map(refused).collect(),
            images: resources.iter().flat_map(applied).collect(),
        }
    }
}

impl Condition {
    fn read(condition: &Value) -> Self {
        Self { name: said(&condition["type"]), message: said(&condition["message"]) }
    }
}

/// A request that was written over an older state has the fields of both: it is somebody's.
fn is_automatic(initiator: &Value) -> bool {
    initiator["automated"] == true && initiator["username"].as_str().unwrap_or_default().is_empty()
}

/// `revision`, or `revisions` of an Application with several sources.
fn revisions(of: &Value) -> Vec<String> {
    let several = strings(&of["revisions"]);
    let all = if several.is_empty() { vec![said(&of["revision"])] } else { several };
    let lower =
        |text: String| if is_oid(&text.to_ascii_lowercase()) { text.to_ascii_lowercase() } else { text };
    all.into_iter().filter(|text| !text.is_empty()).map(lower).collect()
}

fn refused(resource: &Value) -> String {
    format!("{} `{}`: {}", said(&resource["kind"]), said(&resource["name"]), said(&resource["message"]))
}

fn applied(resource: &Value) -> Vec<AppliedImage> {
    let kind = said(&resource["kind"]);
    strings(&resource["images"]).into_iter().map(|image| AppliedImage { kind: kind.clone(), image }).collect()
}

fn workloads(resources: &Value) -> Vec<ManagedWorkload> {
    let has_pods = |each: &&Value| match each["kind"].as_str() {
        // A Rollout of OpenKruise has no pods of its own.
        Some("Rollout") => each["group"] == "argoproj.io",
        kind => matches!(kind, Some("Deployment" | "StatefulSet" | "DaemonSet")),
    };
    let read = |each: &Value| ManagedWorkload {
        kind: string(&each["kind"]),
        namespace: string(&each["namespace"]),
        name: string(&each["name"]),
    };
    let found = items(resources).iter().filter(has_pods).map(read);
    found.filter(|each| is_name(&each.namespace) && is_name(&each.name)).collect()
}

/// Whether the text may be the name of an object. A manifest may have any text there until the API server refuses it, and we
/// would put it into the path of a request.
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    text.bytes().all(allowed) && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn strings(list: &Value) -> Vec<String> {
    items(list).iter().map(said).collect()
}

/// A text of Argo CD on one line. It may come from anybody's manifest.
fn said(value: &Value) -> String {
    text::brief(value.as_str().unwrap_or_default(), LONGEST)
}
