//! The whole log of a build: it is printed while it runs, and kept beside the image after the pod is deleted.

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use argo_buildkit::oci::{Auth, BuildArtifact, Descriptor, ImageRef, LazyClient, Registry as Client};
use axum::body::Bytes;
use serde_json::{Value, json};

use crate::support::buildkitd::Buildkitd;
use crate::support::certificates::Authority;
use crate::support::net::{client, unique};
use crate::support::plugin::{Plugin, Setup, Workflow, expect_phase, output};
use crate::support::registry::Registry;
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, template};
use crate::support::tls_proxy::TlsProxy;

/// Prints more than the output `log-tail` can hold.
const CHATTY: &str = "FROM BASE\nRUN for n in $(seq 1 500); do echo \"line $n of OWNER\"; done\n";

/// The log that `reference` names, as `argo-buildkit log` prints it.
pub(crate) fn kept(shop: &Shop, reference: &str) -> String {
    text(&log(shop, reference))
}

fn log(shop: &Shop, reference: &str) -> Output {
    let config = shop.plugin.secrets().join("registry/.dockerconfigjson");
    let mut command = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
    command.env_clear().args(["log", reference, "--docker-config"]).arg(config);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{said}");
    printed.into_owned()
}

/// A shop whose image was not built before.
async fn shop(setup: Setup) -> Shop {
    let shop = Shop::with(setup.start(), "FROM scratch\n").await;
    let chatty = shop.based(CHATTY).replace("OWNER", &shop.owner);
    shop.service.commit_file("main", "Dockerfile", &chatty, "chat").await;
    shop
}

fn setup() -> Setup {
    Setup::new(shared_buildkitd().address())
}

/// The status of a manifest of an open registry, and its JSON.
async fn manifest(registry: &Registry, repository: &str, target: &str) -> (u16, Value) {
    let url = format!("http://{}/v2/{repository}/manifests/{target}", registry.host());
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    let response = client().get(url).header("accept", accept).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn the_log_is_attached_to_the_image_in_giteas_registry() {
    let shop = shop(setup()).await;
    let node = shop.plugin.node(&template(shop.build(json!({})))).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(output(&node, "warnings"), "[]");
    let reference = output(&node, "log");
    assert!(reference.starts_with(&format!("{}@sha256:", shop.image())), "{reference}");
    let whole = kept(&shop, &reference);
    let step: Vec<_> = whole.lines().filter(|line| line.starts_with("[2/2] RUN for n in")).collect();
    assert_eq!(step.len(), 502, "{whole}");
    for (n, line) in step.iter().enumerate().skip(1).take(500) {
        assert!(line.ends_with(&format!(": line {n} of {}", shop.owner)), "{line}");
    }
    assert!(step[501].contains(" DONE "), "{}", step[501]);
    for image in [output(&node, "image"), format!("{}:latest", shop.image())] {
        assert_eq!(kept(&shop, &image), whole, "{image}");
    }
}

#[tokio::test]
async fn the_log_is_attached_to_the_image_in_a_plain_registry() {
    let shop = shop(setup()).await;
    let registry = shop.world.registry;
    let repository = unique("logs/api");
    let tags = json!(format!("{}/{repository}:1", registry.host()));
    let node = shop.plugin.node(&template(shop.build(json!({"tags": tags})))).await;
    expect_phase(&node, "Succeeded");
    let (digest, reference) = (output(&node, "digest"), output(&node, "log"));
    let (status, artifact) = manifest(registry, &repository, reference.split_once('@').unwrap().1).await;
    assert_eq!((status, &artifact["subject"]["digest"]), (200, &json!(digest)), "{artifact}");
    assert_eq!(artifact["artifactType"], "application/vnd.argo-buildkit.build.log.v1");
    let (status, index) = manifest(registry, &repository, &digest.replace(':', "-")).await;
    assert_eq!((status, index["manifests"].as_array().unwrap().len()), (200, 1), "{index}");
    assert_eq!(kept(&shop, &output(&node, "image")), kept(&shop, &reference));
}

/// buildkitd tries https without checking the certificate, and then plain http. So does the client that stores the
/// log.
#[tokio::test]
async fn the_log_is_attached_where_insecure_means_an_unknown_certificate_or_none() {
    let shop = shop(setup()).await;
    let registry = Registry::start();
    let proxy = TlsProxy::start(registry.host(), &Authority::new().sign("127.1")).await;
    let unknown = proxy.host().replace("127.1", "127.0.0.1");
    for (host, repository) in [(unknown.as_str(), "unknown"), (registry.host(), "plain")] {
        let tags = json!([{"ref": format!("{host}/{repository}:1"), "insecure": true}]);
        let node = shop.plugin.node(&template(shop.build(json!({"tags": tags, "no-cache": true})))).await;
        expect_phase(&node, "Succeeded");
        assert_eq!(output(&node, "warnings"), "[]");
        let reference = output(&node, "log");
        // The proxy runs beside it.
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
        command.env_clear().args(["log", &reference, "--insecure"]);
        assert!(text(&command.output().await.unwrap()).contains("line 500 of"), "{reference}");
    }
}

#[tokio::test]
async fn a_failed_build_says_where_its_log_is() {
    let shop = shop(setup()).await;
    let failing = shop.based("FROM BASE\nRUN seq 1 300 && exit 7\n");
    shop.service.commit_file("main", "Dockerfile", &failing, "break").await;
    let steps = json!({"steps": [shop.build(json!({})), shop.update(json!({"image.tag": "1"}), json!({}))]});
    let node = shop.plugin.node(&template(steps)).await;
    expect_phase(&node, "Failed");
    let reference = output(&node, "build-log");
    let message = node["message"].as_str().unwrap();
    assert!(message.ends_with(&format!("\nwhole log: argo-buildkit log {reference}")), "{message}");
    let whole = kept(&shop, &reference);
    assert!(whole.contains(": 1\n") && whole.contains(": 300\n"), "{whole}");
    assert!(whole.contains("exit code: 7"), "{whole}");
}

#[tokio::test]
async fn nothing_is_attached_where_nothing_ran_nothing_is_pushed_or_nobody_wants_it() {
    let shop = shop(setup()).await;
    for fields in [json!({"attach-log": "false"}), json!({"push": false}), json!({})] {
        // In the last build, every step is cached.
        let node = shop.plugin.node(&template(shop.build(fields.clone()))).await;
        expect_phase(&node, "Succeeded");
        assert_eq!(output(&node, "log"), "", "{fields}");
    }
    let none = log(&shop, &format!("{}:1", shop.image()));
    assert_eq!(none.status.code(), Some(1));
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(said.contains("has no log of") && said.contains("attach-log"), "{said}");
    let absent = log(&shop, &format!("{}:absent", shop.image()));
    assert_eq!(absent.status.code(), Some(1));
    let said = String::from_utf8_lossy(&absent.stderr).into_owned();
    let tags = format!("which tags there are: argo-buildkit tags {}\n", shop.image());
    assert!(said.contains("has no image ") && said.ends_with(&tags), "{said}");
}

/// A registry that the daemon can use and we cannot: only the daemon is configured for plain http.
async fn one_sided(dockerfile: &str) -> (Buildkitd, Registry, Shop, Value) {
    let registry = Registry::start();
    let elsewhere = registry.host().replace("127.0.0.1", "0.0.0.0");
    let world = crate::support::shared::World::shared().await;
    let plain = |host: &str| format!("[registry.\"{host}\"]\nhttp = true\n");
    let hosts = [&elsewhere, world.registry.host(), world.gitea.host()].map(plain);
    let daemon = Buildkitd::start(&hosts.concat());
    let shop = Shop::with(Setup::new(daemon.address()).start(), dockerfile).await;
    (daemon, registry, shop, json!({"tags": format!("{elsewhere}/api:1")}))
}

#[tokio::test]
async fn a_registry_that_will_not_have_the_log_fails_no_step() {
    let (_daemon, _registry, shop, tags) = one_sided("FROM BASE\nRUN echo built\n").await;
    let build = shop.build(tags.clone());
    let update = shop.update(json!({"image.digest": "$(build.digest)"}), json!({}));
    let node = shop.plugin.node(&template(json!({"steps": [build, update]}))).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(output(&node, "log"), "");
    let warnings: Vec<String> = serde_json::from_str(&output(&node, "warnings")).unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("the log was not kept"), "{warnings:?}");
    assert_eq!(shop.gitops.head("main").await, output(&node, "commit"));

    let failing = shop.based("FROM BASE\nRUN echo why; exit 4\n");
    shop.service.commit_file("main", "Dockerfile", &failing, "break").await;
    let node = shop.plugin.node(&template(shop.build(tags))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.ends_with("last log lines:\nwhy"), "{message}");
}

#[tokio::test]
async fn logs_of_one_image_are_all_listed() {
    let registry = Registry::start();
    let image: ImageRef = format!("{}/api", registry.host()).parse().unwrap();
    let subject = Descriptor {
        media_type: "application/vnd.oci.image.manifest.v1+json".into(),
        digest: format!("sha256:{}", "a".repeat(64)),
        size: 2,
    };
    let client = Client::new(LazyClient::default());
    let attach = async |n: usize| {
        let created = format!("2026-11-21T14:45:0{n}Z");
        let log = BuildArtifact::new(vec![b'x'; n + 1], Some(subject.clone()), created, [].into());
        client.attach(&log, &image, None, &Auth::default(), false).await.unwrap();
        log.digest().to_owned()
    };
    let mut digests = futures_util::future::join_all((0..6).map(attach)).await;
    let (status, index) = manifest(&registry, "api", &subject.digest.replace(':', "-")).await;
    assert_eq!(status, 200);
    let listed = index["manifests"].as_array().unwrap().iter();
    let mut listed: Vec<_> = listed.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
    listed.sort();
    digests.sort();
    assert_eq!(listed, digests);
}

/// A registry in front of the one at `upstream`. It supports `subject`, and lists referrers itself.
async fn modern(upstream: &str) -> String {
    use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
    let (upstream, listed) = (upstream.to_owned(), Arc::new(Mutex::new(Vec::<Value>::new())));
    let answer = async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        if uri.path().contains("/referrers/") {
            let manifests = listed.lock().unwrap().clone();
            let index = json!({"schemaVersion": 2, "manifests": manifests});
            return (StatusCode::OK, HeaderMap::new(), index.to_string().into());
        }
        let manifest: Value = serde_json::from_slice(&body).unwrap_or_default();
        let request = client().request(method, format!("http://{upstream}{uri}")).headers(headers).body(body);
        let reply = request.send().await.unwrap();
        let (status, mut headers) = (reply.status(), reply.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        if let Some(subject) = manifest["subject"]["digest"].as_str() {
            headers.insert("oci-subject", subject.parse().unwrap());
            let digest = headers["docker-content-digest"].to_str().unwrap();
            let kind = &manifest["artifactType"];
            listed.lock().unwrap().push(
                json!({"digest": digest, "artifactType": kind, "annotations": manifest["annotations"]}),
            );
        }
        (status, headers, reply.bytes().await.unwrap())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    host
}

#[tokio::test]
async fn a_registry_that_lists_referrers_needs_no_tag_for_it() {
    let upstream = Registry::start();
    let host = modern(upstream.host()).await;
    let image: ImageRef = format!("{host}/api:1").parse().unwrap();
    let (client, auth) = (Client::new(LazyClient::default()), Auth::default());
    let log = |text: &[u8], subject, created: &str| {
        BuildArtifact::new(text.to_vec(), subject, created.to_owned(), [].into())
    };
    // Any manifest may be a subject; another log is at hand.
    client.attach(&log(b"image", None, ""), &image, Some("1"), &auth, false).await.unwrap();
    let subject = client.describe(&image, &auth, false).await.unwrap().unwrap();
    for (text, created) in
        [("older", "2026-11-21T14:45:01Z"), ("newer", "2026-11-21T14:45:02Z"), ("oldest", "2025")]
    {
        let log = log(text.as_bytes(), Some(subject.clone()), created);
        client.attach(&log, &image, None, &auth, false).await.unwrap();
        let own = format!("{host}/api@{}", log.digest()).parse().unwrap();
        assert_eq!(client.log(&own, &auth, false).await.unwrap().unwrap(), text.as_bytes());
    }
    let (status, _) = manifest(&upstream, "api", &subject.digest.replace(':', "-")).await;
    assert_eq!(status, 404, "no tag for what the registry lists itself");
}

/// The lines of a build that the plugin has printed.
async fn printed(plugin: &Plugin) -> String {
    plugin.signal("TERM");
    plugin.exit().await;
    plugin.log()
}

#[tokio::test]
async fn a_builds_lines_are_printed_with_whose_they_are() {
    let shop = shop(setup()).await;
    let workflow = Workflow::new();
    let node = shop.plugin.drive(&workflow, &template(shop.steps())).await;
    expect_phase(&node, "Succeeded");
    let log = printed(&shop.plugin).await;
    let head = format!("Z {} build: [2/2] RUN for n in", workflow.name);
    assert!(log.lines().any(|line| line.contains(&head)), "{log}");
    for n in 1..=500 {
        let end = format!(": line {n} of {}", shop.owner);
        assert!(log.lines().any(|line| line.contains(&head) && line.ends_with(&end)), "line {n}: {log}");
    }
}

#[tokio::test]
async fn in_json_each_line_of_a_build_is_one_object() {
    let shop = shop(setup().env("ARGO_BUILDKIT_LOG_FORMAT", "json").env("ARGO_BUILDKIT_LOG", "info")).await;
    let workflow = Workflow::new();
    expect_phase(&shop.plugin.drive(&workflow, &template(shop.build(json!({})))).await, "Succeeded");
    let log = printed(&shop.plugin).await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = format!(": line 500 of {}", shop.owner);
    let last = lines.iter().find(|line| line["message"].as_str().unwrap().ends_with(&end)).unwrap();
    assert_eq!((&last["target"], &last["workflow"]), (&json!("build"), &json!(workflow.name)), "{last}");
    assert!(last["job"].as_str().is_some_and(|job| job.len() == 32), "{last}");
}
