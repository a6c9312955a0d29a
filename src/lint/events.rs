//! The objects of Argo Events: EventSources, Sensors and EventBuses, as `argo-events` v1.9.11 reads them.

pub(super) mod fields;
pub(super) mod paths;
pub(super) mod resources;
pub(super) mod sensor;
pub(super) mod source;

/// The kinds, all of which have their spec at the same place.
pub(super) const KINDS: [&str; 3] = ["EventSource", "Sensor", "EventBus"];

/// The EventBus that an EventSource or a Sensor uses that names none.
const DEFAULT_BUS: &str = "default";

/// The EventBus that `spec` names.
pub(super) fn bus(spec: &serde_json::Value) -> &str {
    spec["eventBusName"].as_str().filter(|name| !name.is_empty()).unwrap_or(DEFAULT_BUS)
}
