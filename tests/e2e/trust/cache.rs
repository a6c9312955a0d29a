//! The cache registry accepts nothing from a build step.

use super::rival::Rival;
use crate::cluster::{NODE, apply_folder, kubectl};
use crate::mode::{Mode, mode};

/// A `RUN` that sends a request to the registry `host`, and fails if the answer has another status.
fn asks(host: &str, request: &str, header: &str, status: &str) -> String {
    format!(
        "RUN printf '{request} HTTP/1.1\\r\\nHost: {host}:5000\\r\\n{header}Content-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' \
         | nc {host} 5000 | head -n 1 | grep ' {status} '\n"
    )
}

/// A registry for one namespace of workflows, with a login (deploy/README.md, "The cache registry").
const WITH_LOGIN: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: cache-team
resources: [../../deploy/base/cache-registry]
components: [../../deploy/components/cache-registry-login]
images: [{name: registry, newName: \"REGISTRY/registry\", newTag: \"2\"}]
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: cache-registry}
    spec: {template: {spec: {volumes: [{name: data, persistentVolumeClaim: null, emptyDir: {}}]}}}
";

/// `htpasswd -nB team` with the password `cache-pw`, and the header of a client with it.
const LOGIN: &str = "team:$2b$05$abcdefghijklmnopqrstuu2LpsBnoawX9hxvjqNw.PWmZ.abJbLHC";
const SENT: &str = "Authorization: Basic dGVhbTpjYWNoZS1wdw==\\r\\n";

/// For the shared agent's tenants, or with sidecars for one namespace.
fn registry() -> &'static str {
    if mode() == Mode::Agent {
        return "cache-registry.buildkit-cache.svc";
    }
    apply_folder(&WITH_LOGIN.replace("REGISTRY", &format!("{NODE}:5000")));
    let login = format!("--from-literal=htpasswd={LOGIN}");
    kubectl(&["create", "secret", "generic", "cache-registry-login", "-n", "cache-team", &login]);
    kubectl(&["rollout", "status", "-n", "cache-team", "deployment/cache-registry", "--timeout=3m"]);
    "cache-registry.cache-team.svc"
}

/// Requests come from the same address as buildkitd's own exports.
#[tokio::test]
async fn a_step_writes_nothing_to_the_cache_registry() {
    let rival = Rival::shared().await;
    let host = registry();
    let put = asks(host, "PUT /v2/cache/victim/manifests/latest", "", "401");
    let upload = "POST /v2/cache/victim/blobs/uploads/";
    rival.builds(&format!("FROM BASE\n{put}{}", asks(host, upload, "", "401"))).succeeds();
    if mode() == Mode::Sidecar {
        // A client with the login can write, so the registry works.
        rival.builds(&format!("FROM BASE\n{}", asks(host, upload, SENT, "202"))).succeeds();
        kubectl(&["delete", "namespace", "cache-team", "--wait=false"]);
    }
}
