//! When the last event began a workflow.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::super::api_login::unread;
use super::super::{Doctor, Finding};
use super::name;
use crate::duration::elapsed_text;
use crate::kube::ReadError;
use crate::selection::{REPOSITORY_LABEL, SERVICE_LABEL};

/// The label of workflows that a trigger with `operation: create` makes.
const CREATED: &str = "events.argoproj.io/sensor";

/// The labels of workflows that events begin: of those that build, and of those that decide for several services.
const LABELS: [&str; 3] = [SERVICE_LABEL, REPOSITORY_LABEL, CREATED];

/// The manager of the fields that a Sensor has written: the name of its binary.
const SENSOR: &str = "argo-events";

impl Doctor {
    /// The finding about the newest workflow of an event.
    pub(super) async fn last_event(&self) -> Finding {
        let mut all = Vec::new();
        for label in LABELS {
            match self.engine.cluster.labelled_workflows(&self.site.namespace, label).await {
                Ok(found) => all.extend(found),
                Err(error) => return judge(&self.site.namespace, &Err(error), SystemTime::now()),
            }
        }
        judge(&self.site.namespace, &Ok(all), SystemTime::now())
    }
}

/// Judges the newest of the workflows that a Sensor made.
pub(super) fn judge(namespace: &str, read: &Result<Vec<Value>, ReadError>, now: SystemTime) -> Finding {
    let subject = format!("last event of namespace {namespace}");
    let workflows = match read {
        Ok(workflows) => workflows,
        Err(error) => return unread(subject, error),
    };
    let of_sensors = workflows.iter().filter(|workflow| is_of_sensor(workflow));
    let newest =
        of_sensors.filter_map(|workflow| Some((created(workflow)?, workflow))).max_by_key(|(at, _)| *at);
    let Some((at, workflow)) = newest else {
        return Finding::skip(
            subject,
            "no workflow of a Sensor is there: none came, or all are deleted (`ttlStrategy`); the hook's deliveries and the \
             Sensor's log say what came (docs/events.md)",
        );
    };
    let ago = now.duration_since(at).unwrap_or(Duration::ZERO);
    let phase = workflow["status"]["phase"].as_str().unwrap_or("not begun");
    Finding::ok(subject, format!("{} ago, workflow {} ({phase})", elapsed_text(ago), name(workflow)))
}

fn is_of_sensor(workflow: &Value) -> bool {
    let managers = workflow["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut names = managers.filter_map(|manager| manager["manager"].as_str());
    workflow["metadata"]["labels"].get(CREATED).is_some() || names.any(|name| name.starts_with(SENSOR))
}

/// When an object was created.
pub(super) fn created(object: &Value) -> Option<SystemTime> {
    time(&object["metadata"]["creationTimestamp"])
}

/// A time of the API server.
pub(super) fn time(value: &Value) -> Option<SystemTime> {
    Some(value.as_str()?.parse::<jiff::Timestamp>().ok()?.into())
}
