//! The settings in the controller's ConfigMap.

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

/// The settings in the controller's ConfigMap, except the mode.
#[derive(Debug, Default)]
pub(in crate::check) struct Config {
    /// Whether the ConfigMap was read.
    pub(in crate::check) is_known: bool,
    /// Its namespace and name.
    pub(in crate::check) map: String,
    /// The instance ID, which distinguishes one of several controllers.
    pub(in crate::check) instance: Option<String>,
    /// The `securityContext` of Argo's own containers in the pods of steps.
    pub(in crate::check) executor: Value,
}

impl Config {
    pub(in crate::check) fn of(place: String, map: Option<&ConfigMap>) -> Self {
        let of = |name: &str| map.and_then(|map| setting(map, name));
        let instance = of("instanceID").map(|id| text_of(&id)).filter(|id| !id.is_empty());
        let executor = of("executor").and_then(|executor| executor.get("securityContext").cloned());
        Self { is_known: true, map: place, instance, executor: executor.unwrap_or_default() }
    }
}

/// Reads a setting from a key of its own or from the older key `config` (argo-workflows `config/controller.go`).
pub(in crate::check) fn setting(map: &ConfigMap, name: &str) -> Option<Value> {
    let data = map.data.as_ref()?;
    if let Some(value) = data.get(name) {
        return serde_saphyr::from_str(value).ok();
    }
    let mut config: Value = serde_saphyr::from_str(data.get("config")?).ok()?;
    config.get_mut(name).map(Value::take)
}

/// Formats a scalar as text.
pub(in crate::check) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}
