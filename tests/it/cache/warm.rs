//! Images are pulled before a build needs them.

use argo_buildkit::engine::Tenancy;
use argo_buildkit::outcome::Fault;
use argo_buildkit::policy::Policy;
use serde_json::json;

use super::{Site, cache, engine_at, list, number};
use crate::support;
use crate::support::net::unique;
use crate::support::registry_front::RegistryFront;
use crate::support::shared::{shared_buildkitd, shared_registry};

#[tokio::test]
async fn a_warm_image_is_not_downloaded_again() {
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let mut site = Site::behind(&[front.host()]).await;
    site.busybox = site.busybox.replace(shared_registry().host(), front.host());
    let engine = site.engine(Tenancy::own());
    let warm = async || cache(&engine, "builds", json!({"warm": {"images": [site.busybox]}})).await.unwrap();
    let blobs = || {
        let seen = front.seen();
        seen.iter().filter(|seen| seen.method == "GET" && seen.path.contains("/blobs/")).count()
    };

    let first = warm().await;
    let images = list(&first, "images");
    assert_eq!(
        (images.len(), &images[0]["image"], &images[0]["warm"]),
        (1, &json!(site.busybox), &json!(false))
    );
    assert!(number(&first, "size") > 100_000 && number(&first, "records") == 1, "{first:?}");
    let downloaded = blobs();
    assert!(downloaded >= 2, "the config and a layer: {downloaded}");
    let second = warm().await;
    assert_eq!((&list(&second, "images")[0]["warm"], number(&second, "size")), (&json!(true), 0));
    assert_eq!(second.summary, "all 1 images were warm");
    site.build(&engine, "builds", "api", "true").await;
    assert_eq!(blobs(), downloaded, "{:?}", front.seen());
}

#[tokio::test]
async fn each_platform_is_pulled_and_a_missing_one_is_named() {
    let site = Site::start().await;
    let engine = site.engine(Tenancy::own());
    let image = format!("{}/warm/{}:1", shared_registry().host(), unique("two"));
    site.git.create("two", &[("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")]);
    let platforms = ["linux/amd64", "linux/arm64"];
    let build = json!({"context": site.git.url("two"), "tags": [image], "platforms": platforms});
    let elsewhere = engine_at(shared_buildkitd().address(), Tenancy::own());
    support::engine::run(&elsewhere, "builds", &json!({"build": build})).await.unwrap();

    let warm = async |platforms: &[&str]| {
        let absent = format!("{}/warm/absent:1", shared_registry().host());
        let images = if platforms.len() > 2 { vec![absent, image.clone()] } else { vec![image.clone()] };
        cache(&engine, "builds", json!({"warm": {"images": images, "platforms": platforms}})).await
    };
    let done = warm(&platforms).await.unwrap();
    let pulled = list(&done, "images");
    assert_eq!(pulled.iter().map(|image| &image["platform"]).collect::<Vec<_>>(), platforms);
    assert!(pulled.iter().all(|image| image["warm"] == false), "{pulled:?}");
    // What can be pulled is pulled, whatever cannot.
    let failed = warm(&["linux/s390x", "linux/arm64", "linux/amd64"]).await.unwrap_err();
    assert_eq!(failed.fault, Fault::User, "{failed:?}");
    assert!(failed.message.contains("warm/absent:1 for linux/s390x: "), "{}", failed.message);
    assert!(failed.message.contains("3 more could not be pulled"), "{}", failed.message);
    let pulled: Vec<serde_json::Value> = serde_json::from_str(&failed.outputs["images"]).unwrap();
    assert!(pulled.len() == 2 && pulled.iter().all(|image| image["warm"] == true), "{pulled:?}");
}

#[tokio::test]
async fn an_image_that_a_policy_does_not_list_is_refused() {
    let site = Site::start().await;
    let text = format!("namespaces: {{builds: {{images: ['{}/base/*']}}}}", shared_registry().host());
    let engine = site.engine(Tenancy::shared(Some(Policy::parse("policy.yaml", &text).unwrap())));
    cache(&engine, "builds", json!({"warm": {"images": site.busybox}})).await.unwrap();
    let other = format!("{}/other/a:1", shared_registry().host());
    let refused = cache(&engine, "builds", json!({"warm": {"images": other}})).await.unwrap_err();
    assert!(
        refused.message.starts_with("cache.warm.images: namespace `builds` may not build from the image")
    );
}
