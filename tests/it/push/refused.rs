//! What is refused, and that no tag moves then.

use argo_buildkit::engine::Tenancy;
use argo_buildkit::kube::{Cluster, Secrets};
use argo_buildkit::outcome::Fault;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::{push, repository};
use crate::support::engine;
use crate::support::images::{INDEX, MANIFEST, Repository, digest};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::scripted::{Scripted, ok, redirect};
use crate::support::shared::shared_registry;

#[tokio::test]
async fn a_tag_that_names_another_image_is_kept_if_it_shall_be() {
    let (source, target) = (repository("api"), repository("prod"));
    let new = source.image("2", b"new".to_vec()).await;
    let old = target.image("1", b"old".to_vec()).await;
    let fields = |tag: &str| {
        json!({"source": format!("{}:2", source.name), "targets": [format!("{}:{tag}", target.name)], "tags": ["free"],
            "only-if-absent": true})
    };
    let refused = push(fields("1")).await.unwrap_err();
    assert_eq!(refused.fault, Fault::User);
    let said = refused.message.replace(&target.name, "TARGET");
    let (old, new) = (old["digest"].as_str().unwrap(), new["digest"].as_str().unwrap());
    assert_eq!(
        said,
        format!(
            "tag TARGET:1 is {old} already, and `only-if-absent` keeps it from being moved to {new}; choose another tag, or leave out `only-if-absent`"
        )
    );
    assert_eq!((target.read("free").await, target.read(new).await), (None, None));
    push(fields("2")).await.unwrap();
    // What is there already is no hindrance.
    assert_eq!(push(fields("2")).await.unwrap().outputs["changed"], "false");
}

#[tokio::test]
async fn a_source_with_another_digest_is_not_copied() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", b"layer".to_vec()).await;
    let other = digest(b"other");
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", target.name), "expect-digest": other});
    let refused = push(fields).await.unwrap_err();
    assert!(
        refused.message.contains(&format!("`expect-digest` is {other}; its tag has moved")),
        "{}",
        refused.message
    );
    assert_eq!((refused.fault, target.read("1").await), (Fault::User, None));
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named() {
    let (source, target) = (repository("api"), repository("prod"));
    let fields = json!({"source": format!("{}:1", source.name), "targets": format!("{}:1", target.name)});
    let refused = push(fields).await.unwrap_err();
    let expected = format!("registry {} has no such image, or not for this login", source.name);
    assert!(refused.message.contains(&expected), "{}", refused.message);
    assert_eq!(refused.fault, Fault::User);
}

/// A registry that answers every request for a manifest with `manifest`.
async fn hostile(kind: &'static str, manifest: Value) -> Scripted {
    Scripted::start(move |_, asked| match asked.path.contains("/manifests/") {
        true => ok(kind, manifest.to_string()),
        false => StatusCode::NOT_FOUND.into_response(),
    })
    .await
}

#[tokio::test]
async fn bombs_and_odd_manifests_are_refused_before_anything_is_written() {
    let entry = |n: usize| json!({"mediaType": MANIFEST, "digest": format!("sha256:{n:064x}"), "size": 2});
    let bomb = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": (0..10_000).map(entry).collect::<Vec<_>>()});
    let foreign_digest = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(1)]});
    let path = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": MANIFEST, "digest": "../../blobs", "size": 2}]});
    for (kind, manifest, why) in [
        (INDEX, bomb, "it names 10000 manifests, and at most 1000 are copied"),
        (INDEX, foreign_digest, "has another digest"),
        (INDEX, path, "../../blobs, which is no digest"),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            json!({"schemaVersion": 1}),
            "schema 1, and only schema 2 is read",
        ),
        (
            "text/html",
            json!({"schemaVersion": 2}),
            "its media type text/html is that of no image or artifact",
        ),
    ] {
        let (source, target) = (hostile(kind, manifest).await, repository("prod"));
        let fields = json!({"source": format!("{}/shop/api:1", source.host()), "targets": format!("{}:1", target.name)});
        let refused = push(fields).await.unwrap_err();
        assert!(refused.message.contains(why), "{}", refused.message);
        assert_eq!((refused.fault, target.read("1").await), (Fault::User, None));
    }
}

#[tokio::test]
async fn an_image_that_names_too_many_blobs_is_refused_before_anything_is_written() {
    let child = |n: usize| {
        let layer = |m: usize| json!({"digest": format!("sha256:{:064x}", n * 10_000 + m), "size": 1});
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": layer(0), "layers": (1..2000).map(layer).collect::<Vec<_>>()})
            .to_string()
    };
    let children: Vec<_> = (0..6).map(child).collect();
    let entry = |child: &String| json!({"mediaType": MANIFEST, "digest": digest(child.as_bytes()), "size": child.len()});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children.iter().map(entry).collect::<Vec<_>>()});
    let source = Scripted::start(move |_, asked| {
        match children.iter().find(|child| asked.path.ends_with(&digest(child.as_bytes()))) {
            Some(child) => ok(MANIFEST, child.clone()),
            None => ok(INDEX, index.to_string()),
        }
    })
    .await;
    let target = repository("prod");
    let fields =
        json!({"source": format!("{}/shop/api:1", source.host()), "targets": format!("{}:1", target.name)});
    let refused = push(fields).await.unwrap_err();
    assert!(refused.message.contains("its manifests name more than 10000 blobs"), "{}", refused.message);
    assert_eq!((refused.fault, target.read("1").await), (Fault::User, None));
}

/// A registry whose blobs are wrong in some way. The manifest says what they should be.
async fn front_with(
    blob: impl Fn(&Seen) -> Option<axum::response::Response> + Send + Sync + 'static,
) -> RegistryFront {
    RegistryFront::start(shared_registry().host(), move |seen| {
        if seen.method == "GET" && seen.path.contains("/blobs/") { blob(seen) } else { None }
    })
    .await
}

#[tokio::test]
async fn a_blob_that_is_not_what_the_manifest_says_is_never_completed() {
    let layer = vec![7; 1000];
    let same_size = vec![8; 1000];
    let rows: [(Vec<u8>, &str); 3] = [
        (same_size, "has another digest"),
        (vec![7; 999], "the server states another size"),
        (vec![7; 1001], "the server states another size"),
    ];
    for (sent, why) in rows {
        let (source, target) = (repository("api"), repository("prod"));
        source.image("1", layer.clone()).await;
        let wrong = digest(&layer);
        let front = front_with(move |seen| {
            seen.path.ends_with(&wrong).then(|| ok("application/octet-stream", sent.clone()))
        })
        .await;
        let (_, name) = source.name.split_once('/').unwrap();
        let elsewhere = Repository::new(front.host(), name);
        let fields =
            json!({"source": format!("{}:1", elsewhere.name), "targets": format!("{}:1", target.name)});
        let refused = push(fields).await.unwrap_err();
        assert!(refused.message.contains(why), "{}", refused.message);
        assert_eq!((refused.fault, target.read("1").await), (Fault::User, None));
    }
}

/// docs/agent-tenants.md: the first chunks of a blob are sent on before its digest is known.
#[tokio::test]
async fn the_shared_agent_reads_blobs_from_no_store_in_the_cluster() {
    let store = RegistryFront::start(shared_registry().host(), |_| None).await;
    for is_shared in [false, true] {
        let (source, target) = (repository("api"), repository("prod"));
        source.image("1", vec![7; 1000]).await;
        let to = store.host().to_owned();
        let front = front_with(move |seen| Some(redirect(307, &format!("http://{to}{}", seen.path)))).await;
        let (_, name) = source.name.split_once('/').unwrap();
        let fields = json!({"push": {"source": format!("{}/{name}:1", front.host()), "targets": format!("{}:1", target.name)}});
        let tenancy = if is_shared { Tenancy::shared(None) } else { Tenancy::own() };
        let secrets = Secrets::Directory(std::env::temp_dir());
        let engine = engine::engine("tcp://127.0.0.1:1", Cluster::default(), secrets, tenancy);
        let ended = engine::run(&engine, "builds", &fields).await;
        assert_eq!(ended.is_err(), is_shared, "{ended:?}");
        assert_eq!(target.read("1").await.is_none(), is_shared);
    }
    assert_eq!(store.seen().len(), 2, "the layer and the configuration, of one step");
}

#[tokio::test]
async fn a_redirect_to_an_inner_address_is_not_followed() {
    let (source, target) = (repository("api"), repository("prod"));
    source.image("1", vec![7; 1000]).await;
    let front = front_with(|_| Some(redirect(307, "http://169.254.169.254/latest"))).await;
    let (_, name) = source.name.split_once('/').unwrap();
    let fields =
        json!({"source": format!("{}/{name}:1", front.host()), "targets": format!("{}:1", target.name)});
    let refused = push(fields).await.unwrap_err();
    assert!(refused.message.contains("is not asked"), "{}", refused.message);
    assert_eq!((refused.fault, target.read("1").await), (Fault::User, None));
}
