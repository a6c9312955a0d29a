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
    let dockerfile = "FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH} /\n";
    site.git.create("two", &[("Dockerfile", dockerfile), ("amd64", "a"), ("arm64", "b")]);
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

/// An image of one file, whose content is its name.
async fn small(site: &Site, name: &str) -> String {
    let image = format!("{}/warm/{}:7", shared_registry().host(), unique(name));
    site.git.create(name, &[("Dockerfile", "FROM scratch\nCOPY name /\n"), ("name", &image)]);
    let build = json!({"context": site.git.url(name), "tags": [image]});
    let elsewhere = engine_at(shared_buildkitd().address(), Tenancy::own());
    support::engine::run(&elsewhere, "builds", &json!({"build": build})).await.unwrap();
    image
}

#[tokio::test]
async fn what_a_dockerfile_reads_is_pulled() {
    let front = RegistryFront::start(shared_registry().host(), |_| None).await;
    let mut site = Site::behind(&[front.host()]).await;
    let there = |image: &str| image.replace(shared_registry().host(), front.host());
    site.busybox = there(&site.busybox);
    let [base, copied, mounted] =
        [small(&site, "base").await, small(&site, "copied").await, small(&site, "mounted").await]
            .map(|image| there(&image));
    let dockerfile = format!(
        "ARG VERSION\nFROM {busybox} AS tools\nFROM {absent}:1 AS other\nFROM {base}:${{VERSION}} AS first\n\
         COPY --from={copied} /name /copied\nFROM tools AS last\nCOPY --from=first / /first\n\
         RUN --mount=from={mounted},target=/m test -e /m/name\n",
        busybox = site.busybox,
        absent = there(&format!("{}/warm/absent", shared_registry().host())),
        base = base.trim_end_matches(":7"),
    );
    site.git.create("api", &[("Dockerfile", &dockerfile)]);
    let build = json!({"context": site.git.url("api"), "target": "last", "build-args": {"VERSION": "7"}});
    let engine = site.engine(Tenancy::own());
    let warm = async || cache(&engine, "builds", json!({"warm": {"dockerfiles": [build]}})).await.unwrap();
    let blobs = || {
        let seen = front.seen();
        seen.iter().filter(|seen| seen.method == "GET" && seen.path.contains("/blobs/")).count()
    };

    let first = warm().await;
    let mut pulled: Vec<_> =
        list(&first, "images").iter().map(|image| image["image"].as_str().unwrap().to_owned()).collect();
    pulled.sort();
    let mut expected = [site.busybox.clone(), base, copied, mounted];
    expected.sort();
    assert_eq!(pulled, expected, "{first:?}");
    assert!(list(&first, "images").iter().all(|image| image["warm"] == false), "{first:?}");
    assert_eq!(warm().await.summary, "all 4 images were warm");
    let downloaded = blobs();
    let mut build = build.clone();
    build["push"] = json!(false);
    support::engine::run(&engine, "builds", &json!({"build": build})).await.unwrap();
    assert_eq!(blobs(), downloaded, "{:?}", front.seen());
}

#[tokio::test]
async fn a_dockerfile_that_is_wrong_is_named_and_the_others_are_read() {
    let site = Site::start().await;
    let good = format!("FROM {}\n", site.busybox);
    let texts = [
        ("good", good.as_str()),
        ("wrong", "FROM busybox\nCOPPY a b\n"),
        ("unset", "ARG BASE\nFROM $BASE\n"),
    ];
    for (name, text) in texts {
        site.git.create(name, &[("Dockerfile", text)]);
    }
    let engine = site.engine(Tenancy::own());
    let dockerfiles = ["wrong", "unset", "good"].map(|name| json!({"context": site.git.url(name)}));
    let failed = cache(&engine, "builds", json!({"warm": {"dockerfiles": dockerfiles}})).await.unwrap_err();
    assert_eq!(failed.fault, Fault::User, "{failed:?}");
    let begin = format!("cache.warm.dockerfiles[0], {}: ", site.git.url("wrong"));
    assert!(failed.message.starts_with(&begin), "{}", failed.message);
    for part in ["COPPY", "did you mean COPY?", "1 more could not be pulled"] {
        assert!(failed.message.contains(part), "{part}: {}", failed.message);
    }
    let images: Vec<serde_json::Value> = serde_json::from_str(&failed.outputs["images"]).unwrap();
    assert_eq!((images.len(), &images[0]["image"]), (1, &json!(site.busybox)));
}

#[tokio::test]
async fn an_image_that_a_policy_does_not_list_is_refused() {
    let site = Site::start().await;
    let (images, repositories) = (format!("{}/base/*", shared_registry().host()), site.git.url("*"));
    let text = format!("namespaces: {{builds: {{images: ['{images}'], repositories: ['{repositories}']}}}}");
    let engine = site.engine(Tenancy::shared(Some(Policy::parse("policy.yaml", &text).unwrap())));
    cache(&engine, "builds", json!({"warm": {"images": site.busybox}})).await.unwrap();
    let other = format!("{}/other/a:1", shared_registry().host());
    let refused = cache(&engine, "builds", json!({"warm": {"images": other}})).await.unwrap_err();
    assert!(
        refused.message.starts_with("cache.warm.images: namespace `builds` may not build from the image")
    );
    site.git.create("other", &[("Dockerfile", &format!("FROM {other}\n"))]);
    let warm = json!({"dockerfiles": [{"context": site.git.url("other")}]});
    let refused = cache(&engine, "builds", json!({"warm": warm})).await.unwrap_err();
    assert!(
        refused.fault == Fault::User && refused.message.contains("does not list this image"),
        "{refused:?}"
    );
    let warm = json!({"dockerfiles": [{"context": "http://127.0.0.1:1/other"}]});
    let refused = cache(&engine, "builds", json!({"warm": warm})).await.unwrap_err();
    let begin = "cache.warm.dockerfiles.context: namespace `builds` may not use the Git repository";
    assert!(refused.message.starts_with(begin), "{refused:?}");
}
