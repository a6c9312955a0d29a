//! The EventSource: one hook for all repositories.

use serde_json::{Value, json};

use super::metadata;
use crate::catalogue::{Catalogue, Hook, HookSource};

/// The name of the event.
pub(super) const EVENT: &str = "hook";

/// The most bytes of an event. The default, 1 MiB, is less than a push of many commits. The EventBus has a limit too.
const LARGEST: u64 = 4 << 20;

/// The EventSource of a hook.
pub(super) fn of(catalogue: &Catalogue, hook: &Hook) -> Value {
    let webhook = json!({
        "endpoint": hook.endpoint,
        "method": "POST",
        "port": hook.port.to_string(),
        "maxPayloadSize": LARGEST,
    });
    let (name, key) = &hook.secret;
    let secret = json!({"name": name, "key": key});
    let mut spec = json!({
        "eventBusName": "default",
        "service": {"ports": [{"name": "http", "port": hook.port, "targetPort": hook.port}]},
        "template": pod(512),
    });
    match hook.source {
        // Gitea signs as GitHub does. `organizations` is required, and has no effect without an API token.
        HookSource::Gitea | HookSource::Github => {
            spec["github"] = json!({EVENT: {
                "organizations": ["any"],
                "webhook": webhook,
                "contentType": "json",
                "webhookSecret": secret,
            }});
        }
        HookSource::Webhook => {
            let mut webhook = webhook;
            webhook["authSecret"] = secret;
            spec["webhook"] = json!({EVENT: webhook});
        }
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "EventSource",
        "metadata": metadata(catalogue, &catalogue.name),
        "spec": spec,
    })
}

/// The pod of an EventSource or a Sensor, with at most so many MiB of memory.
pub(super) fn pod(memory: usize) -> Value {
    json!({
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 9731,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "container": {
            "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": format!("{memory}Mi")}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        },
    })
}
