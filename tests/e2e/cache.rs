//! The cache registry keeps what it was given.

use reqwest::StatusCode;

use crate::cluster::{PATIENCE, eventually, get, gitea, kubectl, list};
use crate::shop::Shop;
use crate::support::net::{client, until};

#[tokio::test]
async fn the_cache_survives_its_pod() {
    let shop = Shop::open("FROM BASE\nRUN echo cached > /cached\n").await;
    shop.submit("build-push", &[]).succeeds();
    let name = shop.image().replacen(&format!("{}/", gitea().host()), "", 1);
    assert_eq!(cache(&name).await, StatusCode::OK, "exported to the default cache-registry");
    let old = registry_pod().unwrap();
    kubectl(&["delete", "pod", "-n", "buildkit-cache", &old]);
    let other = || registry_pod().filter(|pod| *pod != old);
    eventually(|| "another pod of the registry, ready".to_owned(), PATIENCE, other);
    let there = async || (cache(&name).await == StatusCode::OK).then_some(());
    until(|| format!("the cache {name} after a restart"), PATIENCE, there).await;
}

/// What the cache registry says of a cache, by its Service.
async fn cache(name: &str) -> StatusCode {
    let service = get("buildkit-cache", "service", "cache-registry");
    let address = service["spec"]["clusterIP"].as_str().unwrap().to_owned();
    let url = format!("http://{address}:5000/v2/cache/{name}/manifests/latest");
    let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
    match client().head(url).header("accept", accept).send().await {
        Ok(answer) => answer.status(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The pod that is ready.
fn registry_pod() -> Option<String> {
    let ready = |pod: &serde_json::Value| pod["status"]["containerStatuses"][0]["ready"] == true;
    let pod =
        list("buildkit-cache", "pod", "app.kubernetes.io/name=cache-registry").into_iter().find(ready)?;
    Some(pod["metadata"]["name"].as_str()?.to_owned())
}
