//! The installation of the peers: `peers/`, and the product's logins.

use serde_json::{Value, json};

use crate::cluster::{apply, get, kubectl};

const SECRETS: [&str; 4] =
    ["gitea-credentials", "git-write-back", "registry-credentials", "buildkit-client-tls"];

/// Installs them.
pub(crate) fn install() {
    kubectl(&["apply", "--server-side", "-k", "benches/chain/peers"]);
    for name in SECRETS {
        apply(&copy(&get("builds", "secret", name)).to_string());
    }
}

fn copy(secret: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret["metadata"]["name"], "namespace": "peers"},
        "type": secret["type"],
        "data": secret["data"],
    })
}
