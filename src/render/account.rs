//! The account of the Sensors, with what sensors/base gives it: look a Workflow up by its name, create it, and patch it.

use serde_json::{Value, json};

use crate::catalogue::Catalogue;

/// The account, its Role and what binds them.
pub(super) fn of(catalogue: &Catalogue, name: &str) -> Value {
    let metadata = || json!({"name": name, "namespace": catalogue.namespace});
    let group = "rbac.authorization.k8s.io";
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata()},
        {
            "apiVersion": format!("{group}/v1"),
            "kind": "Role",
            "metadata": metadata(),
            "rules": [{
                "apiGroups": ["argoproj.io"],
                "resources": ["workflows"],
                "verbs": ["get", "create", "patch"],
            }],
        },
        {
            "apiVersion": format!("{group}/v1"),
            "kind": "RoleBinding",
            "metadata": metadata(),
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": catalogue.namespace}],
        },
    ]})
}
