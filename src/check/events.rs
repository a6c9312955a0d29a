//! The way from a push to a workflow: EventBus, EventSources, their hooks' Secrets, Sensors and their rights, the last event, and
//! the sweep behind the hooks.

mod hook_secrets;
mod hooks;
mod last_event;
mod leftovers;
mod mistakes;
mod status;
mod steps;
mod sweep;

use serde_json::Value;

use super::api_login::{ApiLogin, unread};
use super::{Doctor, Finding, rights};
use crate::kube::{Account, ReadError};

/// The EventBus of an EventSource or a Sensor that names none.
const DEFAULT_BUS: &str = "default";

/// The objects of Argo Events in the workflows' namespace.
#[derive(Debug, Default)]
struct FrontHalf {
    buses: Vec<Value>,
    sources: Vec<Value>,
    sensors: Vec<Value>,
}

impl FrontHalf {
    fn is_empty(&self) -> bool {
        self.buses.is_empty() && self.sources.is_empty() && self.sensors.is_empty()
    }
}

impl Doctor {
    /// All findings about how pushes become workflows.
    pub(super) async fn events(&self, api_login: &ApiLogin) -> Vec<Finding> {
        let subject = format!("events of namespace {}", self.site.namespace);
        let front = match self.front_half().await {
            Ok(front) => front,
            Err(error) => return vec![unread(subject, &error)],
        };
        let sweeps = self.sweeps(&front.sensors).await;
        if front.is_empty() {
            let none = Finding::skip(
                subject,
                "no EventSource and no Sensor is there, so no push begins a workflow; docs/events.md says how one does",
            );
            return sweeps.unwrap_or_default().into_iter().chain([none]).collect();
        }
        let mut found = self.statuses(&front).await;
        found.extend(self.hook_secrets(&front.sources).await);
        for (account, operations) in sensor_accounts(&front.sensors, &self.site.namespace) {
            let needs = rights::of_sensor(&self.site.namespace, &operations);
            found.extend(self.rights(api_login, &account, &needs).await);
        }
        found.extend(mistakes::judge(&front, &self.templates_of_site().await, &self.site.namespace));
        if !front.sensors.is_empty() {
            found.push(self.last_event().await);
        }
        found.extend(sweeps.unwrap_or_else(|error| vec![unread("sweep", &error)]));
        found
    }

    async fn front_half(&self) -> Result<FrontHalf, ReadError> {
        let (buses, sources) = (self.of_events("EventBus").await?, self.of_events("EventSource").await?);
        Ok(FrontHalf { buses, sources, sensors: self.of_events("Sensor").await? })
    }

    /// The objects of a kind; none if the cluster does not know the kind.
    async fn of_events(&self, kind: &str) -> Result<Vec<Value>, ReadError> {
        match self.engine.cluster.list_argo(kind, Some(&self.site.namespace)).await {
            Err(ReadError::NoSuchKind(_)) => Ok(Vec::new()),
            read => read,
        }
    }

    /// The WorkflowTemplates, as far as this login may read them.
    async fn templates_of_site(&self) -> Vec<Value> {
        self.of_events("WorkflowTemplate").await.unwrap_or_default()
    }
}

/// The accounts of Sensors that make Workflows, with the operations by which they do.
fn sensor_accounts(sensors: &[Value], namespace: &str) -> Vec<(Account, Vec<String>)> {
    let mut accounts: Vec<(Account, Vec<String>)> = Vec::new();
    for sensor in sensors {
        let triggers = sensor["spec"]["triggers"].as_array().into_iter().flatten();
        let kinds = triggers.map(|trigger| &trigger["template"]["k8s"]);
        let made = kinds.filter(|kind| kind["source"]["resource"]["kind"] == "Workflow");
        let mut operations: Vec<_> =
            made.map(|kind| kind["operation"].as_str().unwrap_or("create").to_owned()).collect();
        if operations.is_empty() {
            continue;
        }
        let name = sensor["spec"]["template"]["serviceAccountName"].as_str().unwrap_or("default");
        let account = Account::new(namespace, name);
        match accounts.iter_mut().find(|(known, _)| *known == account) {
            Some((_, known)) => known.append(&mut operations),
            None => accounts.push((account, operations)),
        }
    }
    accounts
}

/// The name of an object.
fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// The EventBus that an EventSource or a Sensor uses.
fn bus(object: &Value) -> &str {
    object["spec"]["eventBusName"].as_str().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_BUS)
}

#[cfg(test)]
mod tests;
