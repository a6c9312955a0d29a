//! The cache registry keeps its content.

use crate::cluster::{PATIENCE, attempt, eventually, gitea, kubectl, list};
use crate::shop::Shop;

#[tokio::test]
async fn the_cache_survives_its_pod() {
    let shop = Shop::open("FROM BASE\nRUN echo cached > /cached\n").await;
    shop.submit("build-push", &[]).succeeds();
    let name = shop.image().replacen(&format!("{}/", gitea().host()), "", 1);
    assert!(keeps(&name), "exported to the default cache-registry");
    let old = registry_pod().unwrap();
    kubectl(&["delete", "pod", "-n", "buildkit-cache", &old]);
    let other = || registry_pod().filter(|pod| *pod != old);
    eventually(|| "another pod of the registry, ready".to_owned(), PATIENCE, other);
    let there = || keeps(&name).then_some(());
    eventually(|| format!("the cache {name} after a restart"), PATIENCE, there);
}

/// Whether the cache registry has a cache. The test looks at its files, because with the shared agent it answers
/// nobody without a token.
fn keeps(name: &str) -> bool {
    let tag =
        format!("/var/lib/registry/docker/registry/v2/repositories/cache/{name}/_manifests/tags/latest");
    attempt("kubectl", &["exec", "-n", "buildkit-cache", "deployment/cache-registry", "--", "ls", &tag])
        .is_ok()
}

/// The ready pod.
fn registry_pod() -> Option<String> {
    let ready = |pod: &serde_json::Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    let pod =
        list("buildkit-cache", "pod", "app.kubernetes.io/name=cache-registry").into_iter().find(ready)?;
    Some(pod["metadata"]["name"].as_str()?.to_owned())
}
