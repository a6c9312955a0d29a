//! What the controller of Argo Events says about its objects, and whether their pods are ready.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use serde_json::Value;

use super::super::api_login::unread;
use super::super::{Doctor, Finding};
use super::{FrontHalf, bus, name};
use crate::kube::{By, ReadError};

/// The advice when nothing looks at the objects.
const NO_CONTROLLER: &str = "its controller has not looked at it: see whether Argo Events' controller-manager runs, watches this \
     namespace, and what its log says";

/// The ready pods of an object, and how many there should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pods {
    pub(super) ready: i32,
    pub(super) wanted: i32,
}

impl Doctor {
    /// The findings about the status of each object, and about EventBuses that are not there.
    pub(super) async fn statuses(&self, front: &FrontHalf) -> Vec<Finding> {
        let namespace = &self.site.namespace;
        let mut found = Vec::new();
        for bus in &front.buses {
            let pods = self.bus_pods(bus).await;
            found.push(judge("EventBus", namespace, bus, &pods));
        }
        found.extend(absent(front, namespace));
        for (kind, label, objects) in
            [("EventSource", "eventsource-name", &front.sources), ("Sensor", "sensor-name", &front.sensors)]
        {
            for object in objects {
                let pods = self.deployed(&format!("{label}={}", name(object))).await;
                found.push(judge(kind, namespace, object, &pods));
            }
        }
        found
    }

    /// The pods of an EventBus; `None` if it is a server of one's own.
    async fn bus_pods(&self, bus: &Value) -> Result<Option<Pods>, ReadError> {
        // The names of argo-events v1.9.11 (`pkg/reconciler/eventbus/installer`).
        let end = match (&bus["spec"]["jetstream"], &bus["spec"]["nats"]["native"]) {
            (Value::Object(_), _) => "js",
            (_, Value::Object(_)) => "stan",
            _ => return Ok(None),
        };
        let set = format!("eventbus-{}-{end}", name(bus));
        let found = self.engine.cluster.find::<StatefulSet>(&self.site.namespace, &set).await?;
        let pods = found.map(|set| Pods {
            ready: set.status.and_then(|status| status.ready_replicas).unwrap_or_default(),
            wanted: set.spec.and_then(|spec| spec.replicas).unwrap_or(1),
        });
        Ok(Some(pods.unwrap_or(Pods { ready: 0, wanted: 1 })))
    }

    /// The pods of the Deployments with this label.
    async fn deployed(&self, label: &str) -> Result<Option<Pods>, ReadError> {
        let found = self.engine.cluster.list::<Deployment>(&self.site.namespace, &By::Labels(label)).await?;
        let mut pods = Pods { ready: 0, wanted: 0 };
        for deployment in found {
            pods.ready += deployment.status.and_then(|status| status.ready_replicas).unwrap_or_default();
            pods.wanted += deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
        }
        Ok(Some(pods))
    }
}

/// EventBuses that are used and not there.
fn absent(front: &FrontHalf, namespace: &str) -> Vec<Finding> {
    let sources = front.sources.iter().map(|object| ("EventSource", object));
    let users = sources.chain(front.sensors.iter().map(|object| ("Sensor", object)));
    let mut found: Vec<Finding> = Vec::new();
    for (kind, object) in users {
        let used = bus(object);
        let subject = format!("EventBus {namespace}/{used}");
        if front.buses.iter().any(|known| name(known) == used)
            || found.iter().any(|one| one.subject == subject)
        {
            continue;
        }
        let text = format!(
            "does not exist, and {kind} {} uses it: apply it (eventsources/event-bus.yaml)",
            name(object)
        );
        found.push(Finding::fail(subject, text));
    }
    found
}

/// Judges the conditions of an object, and its pods.
pub(super) fn judge(
    kind: &str,
    namespace: &str,
    object: &Value,
    pods: &Result<Option<Pods>, ReadError>,
) -> Finding {
    let subject = format!("{kind} {namespace}/{}", name(object));
    let conditions: Vec<_> = object["status"]["conditions"].as_array().into_iter().flatten().collect();
    if conditions.is_empty() {
        return Finding::fail(subject, NO_CONTROLLER);
    }
    if let Some(bad) = conditions.iter().find(|condition| condition["status"] != "True") {
        let said = ["reason", "message"].map(|key| bad[key].as_str().unwrap_or_default());
        let said = said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        let text = format!(
            "its condition {} is not met ({said}); correct the object, and see the controller's log",
            shown(&bad["type"])
        );
        return Finding::fail(subject, text);
    }
    let Pods { ready, wanted } = match pods {
        Ok(Some(pods)) => *pods,
        Ok(None) => {
            return Finding::ok(
                subject,
                "its conditions are met; its server is your own, which is not looked at",
            );
        }
        Err(error) => return unread(subject, error),
    };
    let lost = match kind {
        "EventBus" => "each hook is answered with 500, and a push is lost",
        "EventSource" => "no hook is answered, and a push is lost",
        _ => "events wait in the bus, and no workflow begins",
    };
    let see = format!("see `kubectl -n {namespace} get pods`, and the log of its pod");
    match (ready, wanted) {
        (0, 0) => Finding::fail(subject, format!("has no Deployment: {lost}; {see}")),
        (0, _) => Finding::fail(subject, format!("none of its {wanted} pods is ready: {lost}; {see}")),
        _ if ready < wanted => Finding::warn(subject, format!("{ready} of {wanted} pods are ready; {see}")),
        _ => Finding::ok(subject, format!("{ready} of {wanted} pods ready")),
    }
}

fn shown(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
