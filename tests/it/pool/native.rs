//! Platforms that no one daemon has: each is built on its own, and the image has one index.

mod peers;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::{builds, host};
use crate::lifecycle::{httpd, own_daemon_with, successor};
use crate::support::bin::{testbed, wait_for};
use crate::support::buildkitd::Buildkitd;
use crate::support::images::Repository;
use crate::support::net::{PATIENCE, client, free_port, unique};
use crate::support::plugin::{Setup, Workflow, expect_phase, output};
use crate::support::registry_front::{RegistryFront, Seen};
use crate::support::shop::{Shop, template};

/// The platforms of the pair, and of most builds here. Programs of the machine's own platform run on both daemons.
const PLATFORMS: [&str; 2] = ["linux/s390x", "linux/arm64"];

/// Two daemons, each with a platform that the other has not. Both have the machine's own, too.
async fn natives() -> [Buildkitd; 2] {
    let [one, other] = PLATFORMS.map(|platform| format!("[worker.oci]\nplatforms = [\"{platform}\"]\n"));
    [own_daemon_with(&one).await, own_daemon_with(&other).await]
}

/// A shop whose plugin uses `daemons`.
async fn shop(daemons: &[Buildkitd], dockerfile: &str) -> Shop {
    Shop::with(Setup::new(&host(daemons)).start(), dockerfile).await
}

/// A new repository in the open registry.
fn repository(shop: &Shop) -> Repository {
    Repository::new(shop.world.registry.host(), &unique("native"))
}

/// The fields of a build for both platforms that pushes to `tags` of an open registry.
fn fields(tags: &[String]) -> Value {
    json!({"platforms": PLATFORMS, "tags": tags, "registry-secret": null})
}

async fn manifest(repository: &Repository, name: &str) -> Value {
    serde_json::from_slice(&repository.read(name).await.unwrap()).unwrap()
}

/// Runs a client of registries. Returns what it prints.
fn read(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the node shows that both platforms run their last step.
fn both_run(node: &Value) -> bool {
    let message = node["message"].as_str().unwrap_or_default();
    PLATFORMS.iter().all(|platform| message.contains(&format!("[{platform} 2/2] RUN")))
}

#[tokio::test]
async fn each_platform_is_built_on_its_own_daemon_and_one_index_has_them() {
    let daemons = natives().await;
    let shop = shop(&daemons, "FROM BASE\nARG TARGETARCH\nRUN echo $TARGETARCH >/arch\n").await;
    let repository = repository(&shop);
    let tags = ["1", "latest"].map(|tag| format!("{}:{tag}", repository.name));
    let mut build = fields(&tags);
    build["attest"] = json!("min");
    build["annotations"] = json!({
        "index:org.example/all": "1", "manifest[linux/arm64]:org.example/one": "2",
    });
    let node = shop.built(build).await;
    assert_eq!(builds(&daemons, &repository.name), [1, 1]);
    let index = manifest(&repository, "1").await;
    assert_eq!(repository.read("latest").await, repository.read(&output(&node, "digest")).await);
    assert_eq!(output(&node, "image"), format!("{}@{}", repository.name, output(&node, "digest")));
    assert_eq!((output(&node, "cached-steps"), output(&node, "total-steps")), ("0".into(), "2".into()));
    assert_eq!(index["annotations"], json!({"org.example/all": "1"}));
    // An index, two images and two attestations, and everything that they name.
    assert_eq!(repository.checked("1").await.0, 5);
    let entries = index["manifests"].as_array().unwrap();
    let platform = |entry: &Value| {
        let part = |name: &str| entry["platform"][name].as_str().unwrap().to_owned();
        format!("{}/{}", part("os"), part("architecture"))
    };
    let platforms: Vec<_> = entries.iter().map(platform).collect();
    assert_eq!(platforms, [PLATFORMS[0], PLATFORMS[1], "unknown/unknown", "unknown/unknown"]);
    for (image, attestation) in entries[..2].iter().zip(&entries[2..]) {
        let digest = image["digest"].as_str().unwrap();
        assert_eq!(attestation["annotations"]["vnd.docker.reference.digest"], digest);
        let attested = manifest(&repository, attestation["digest"].as_str().unwrap()).await;
        let layer = attested["layers"][0]["digest"].as_str().unwrap();
        let statement: Value = serde_json::from_slice(&repository.content(layer).await).unwrap();
        assert_eq!(statement["subject"][0]["digest"]["sha256"], digest.trim_start_matches("sha256:"));
    }
    let arm = manifest(&repository, entries[1]["digest"].as_str().unwrap()).await;
    assert_eq!(arm["annotations"]["org.example/one"], "2");
}

#[tokio::test]
async fn a_build_that_is_repeated_has_the_same_index() {
    let daemons = natives().await;
    let shop = shop(&daemons, "FROM scratch\nCOPY main.txt /\n").await;
    let repository = repository(&shop);
    let build = fields(&[format!("{}:1", repository.name)]);
    let first = output(&shop.built(build.clone()).await, "digest");
    let again = shop.built(build).await;
    assert_eq!(output(&again, "digest"), first);
    assert_eq!(output(&again, "cached-steps"), output(&again, "total-steps"));
}

#[tokio::test]
async fn platforms_that_one_daemon_has_are_built_in_one_solve() {
    let daemons = natives().await;
    let shop = shop(&daemons, "FROM scratch\nCOPY main.txt /\n").await;
    let repository = repository(&shop);
    let mut build = fields(&[format!("{}:1", repository.name)]);
    build["platforms"] = json!(["linux/amd64", "linux/arm64"]);
    shop.built(build).await;
    assert_eq!(builds(&daemons, &repository.name), [0, 1]);
}

#[tokio::test]
async fn a_platform_that_fails_cancels_the_other_and_is_named() {
    let daemons = natives().await;
    let port = free_port();
    let dockerfile = format!(
        "FROM BASE\nRUN if [ $TARGETARCH = arm64 ]; then sleep 600; fi; \
         until wget -q -O /dev/null http://127.0.0.1:{port}/; do sleep 0.2; done; echo broken; exit 3\n"
    );
    let shop = shop(&daemons, &dockerfile.replace("RUN", "ARG TARGETARCH\nRUN")).await;
    let repository = repository(&shop);
    let step = template(shop.build(fields(&[format!("{}:1", repository.name)])));
    let workflow = Workflow::new();
    shop.plugin.until(&workflow, &step, both_run).await;
    let gate = tempfile::tempdir().unwrap();
    let _gate = httpd(port, gate.path());
    let node = shop.plugin.drive(&workflow, &step).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.starts_with("linux/s390x: "), "{message}");
    assert!(output(&node, "log-tail").contains("broken"));
    wait_for("the other step to end", PATIENCE, || daemons[1].steps().is_empty().then_some(()));
    assert!(repository.read("1").await.is_none(), "no tag was set");
}

/// The platforms are there, and nothing names them yet.
#[tokio::test]
async fn a_sidecar_that_is_killed_before_the_index_leaves_it_to_the_next() {
    let daemons = natives().await;
    let shop = shop(&daemons, "FROM BASE\nRUN cat /proc/sys/kernel/random/uuid >/once\n").await;
    let is_open = Arc::new(AtomicBool::new(false));
    let gate = is_open.clone();
    let away = move |seen: &Seen| {
        let is_tag = seen.method == "PUT" && seen.path.ends_with("/manifests/1");
        (is_tag && !gate.load(Ordering::Relaxed)).then(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
    };
    let front = RegistryFront::start(shop.world.registry.host(), away).await;
    let repository = repository(&shop);
    let name = repository.name.split_once('/').unwrap().1;
    let step = template(shop.build(fields(&[format!("{}/{name}:1", front.host())])));
    let workflow = Workflow::new();
    let is_moving =
        |node: &Value| node["message"].as_str().is_some_and(|message| message.contains("moving tag"));
    shop.plugin.until(&workflow, &step, is_moving).await;
    shop.plugin.kill();
    assert!(repository.read("1").await.is_none());
    let before = builds(&daemons, "");
    is_open.store(true, Ordering::Relaxed);
    let next = successor(&shop, &host(&daemons));
    let node = next.drive(&workflow, &step).await;
    expect_phase(&node, "Succeeded");
    assert_eq!(builds(&daemons, ""), before, "no build was started");
    assert_eq!(repository.checked("1").await.0, 3);
    assert!(repository.read(&output(&node, "digest")).await.is_some());
}

#[tokio::test]
async fn each_platform_reads_and_writes_a_cache_of_its_own() {
    let daemons = natives().await;
    let dockerfile = format!("FROM BASE\nRUN echo {} >/made\n", unique("native"));
    let shop = shop(&daemons, &dockerfile).await;
    let repository = repository(&shop);
    let cache = format!("{}-cache", repository.name);
    let mut build = fields(&[format!("{}:1", repository.name)]);
    build["cache"] =
        json!({"from": format!("{cache}:c"), "to": {"ref": format!("{cache}:c"), "mode": "max"}});
    let first = shop.built(build.clone()).await;
    assert_eq!(output(&first, "cache"), "exported");
    // That its caches are not there yet is no reason for one.
    assert!(!output(&first, "warnings").contains("-cache"), "{first}");
    let (host, name) = cache.split_once('/').unwrap();
    let listed = client().get(format!("http://{host}/v2/{name}/tags/list")).send().await.unwrap();
    let mut tags: Vec<String> =
        serde_json::from_value(listed.json::<Value>().await.unwrap()["tags"].clone()).unwrap();
    tags.sort();
    assert_eq!(tags, ["c..linux-arm64", "c..linux-s390x"]);
    for daemon in &daemons {
        let mut prune = Command::new(testbed("buildctl"));
        prune.args(["--addr", daemon.address(), "prune", "--all"]);
        read(prune);
    }
    let again = shop.built(build).await;
    assert_eq!(output(&again, "cached-steps"), output(&again, "total-steps"));
    assert_eq!(output(&again, "cache"), "skipped");
}

#[tokio::test]
async fn what_several_daemons_cannot_build_is_refused() {
    let daemons = natives().await;
    let shop = shop(&daemons, "FROM scratch\nCOPY main.txt /\n").await;
    let mut unpushed = fields(&[]);
    unpushed["push"] = json!(false);
    let mut nine = fields(&[format!("{}:1", repository(&shop).name)]);
    let others = ["386", "arm", "loong64", "mips64", "mips64le", "ppc64le", "riscv64"];
    let platforms =
        PLATFORMS.map(str::to_owned).into_iter().chain(others.map(|arch| format!("linux/{arch}")));
    nine["platforms"] = platforms.collect();
    for (build, expected) in [(unpushed, "set `push: true`"), (nine, "at most 8 platforms")] {
        let node = shop.plugin.node(&template(shop.build(build))).await;
        expect_phase(&node, "Failed");
        let message = node["message"].as_str().unwrap();
        assert!(message.contains("no single buildkitd") && message.contains(expected), "{message}");
    }
}

/// The other two are built meanwhile, on their own daemons.
#[tokio::test]
async fn the_platform_of_a_divided_build_that_no_daemon_has_is_named_with_those_that_there_are() {
    let daemons = natives().await;
    let dockerfile = "FROM scratch AS for-s390x\nCOPY main.txt /\nFROM for-s390x AS for-arm64\n\
        FROM scratch AS for-riscv64\nCOPY --chmod=755 main.txt /main\nRUN [\"/main\"]\nFROM for-$TARGETARCH\n";
    let shop = shop(&daemons, dockerfile).await;
    let repository = repository(&shop);
    let mut build = fields(&[format!("{}:1", repository.name)]);
    build["platforms"] = json!([PLATFORMS[0], PLATFORMS[1], "linux/riscv64"]);
    let node = shop.plugin.node(&template(shop.build(build))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.starts_with("linux/riscv64: "), "{message}");
    let (_, there) = message.split_once("the platforms that there are: ").unwrap();
    assert!(PLATFORMS.iter().all(|platform| there.contains(platform)), "{message}");
    assert!(repository.read("1").await.is_none(), "no tag was set");
}

#[tokio::test]
async fn a_platform_that_no_daemon_has_is_built_if_none_of_its_programs_runs() {
    let daemons = natives().await;
    let shop = shop(&daemons, "FROM scratch\nCOPY main.txt /\n").await;
    let repository = repository(&shop);
    let mut build = fields(&[format!("{}:1", repository.name)]);
    build["platforms"] = json!([PLATFORMS[0], PLATFORMS[1], "linux/riscv64"]);
    shop.built(build).await;
    assert_eq!(builds(&daemons, &repository.name).iter().sum::<usize>(), 3);
    let index = manifest(&repository, "1").await;
    assert_eq!(index["manifests"][2]["platform"]["architecture"], "riscv64");
}
