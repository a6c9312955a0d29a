//! Fields that correspond to flags of `docker buildx build`: limits of a RUN, times, media types, levels of
//! annotations.

use serde_json::{Value, json};

use crate::support::buildctl;
use crate::support::net::unique;
use crate::support::plugin::{expect_phase, output, tree};
use crate::support::shop::{Shop, template};

#[tokio::test]
async fn a_run_has_the_shared_memory_and_the_limits_of_the_step() {
    let shop =
        Shop::open("FROM BASE\nRUN grep ' /dev/shm ' /proc/mounts >/shm; cat /proc/self/limits >/limits\n")
            .await;
    let ulimits = json!({"nofile": "512:640", "core": 0});
    let image = shop.image_of(json!({"shm-size": "32m", "ulimits": ulimits})).await;
    assert!(image.file("shm").await.contains("size=32768k"), "{}", image.file("shm").await);
    let limits = image.file("limits").await;
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max open files"), ["512", "640"]);
    assert_eq!(limit("Max core file size"), ["0", "0"]);
}

#[tokio::test]
async fn a_run_is_below_the_cgroup_of_the_step() {
    let shop = Shop::open("FROM BASE\nRUN cat /proc/self/mountinfo /proc/self/cgroup >/cgroups\n").await;
    let parent = unique("argo-buildkit-test");
    let image = shop.image_of(json!({"cgroup-parent": format!("/{parent}")})).await;
    let cgroups = image.file("cgroups").await;
    assert!(cgroups.contains(&parent), "{cgroups}");
}

/// Two layers: a file of the context, and the output of a RUN.
const DATED: &str = "FROM scratch\nCOPY main.txt /\nCOPY --from=busybox /bin /bin\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\n";

#[tokio::test]
async fn two_builds_with_a_date_are_one_digest_and_buildctls() {
    let shop = Shop::open("FROM scratch\n").await;
    let dockerfile = DATED.replace("--from=busybox", &format!("--from={}", shop.world.busybox));
    let dated = json!({
        "dockerfile-inline": dockerfile, "source-date-epoch": 1_700_000_000, "rewrite-timestamp": true, "no-cache": true
    });
    let node = shop.built(dated.clone()).await;
    let digest = output(&node, "digest");
    assert_eq!(output(&shop.built(dated).await, "digest"), digest);
    let config = shop.pushed(&node).await.config().await;
    assert_eq!(config["created"], "2023-11-14T22:13:20Z");

    let context = tree(&[("Dockerfile", &dockerfile), ("main.txt", "hello\n")]);
    let metadata = context.path().join("metadata.json");
    let local = |kind: &str| format!("--local={kind}={}", context.path().display());
    buildctl::build(
        shop.world.buildkitd.address(),
        &[
            &local("context"),
            &local("dockerfile"),
            "--opt=build-arg:SOURCE_DATE_EPOCH=1700000000",
            "--no-cache",
            "--output=type=image,oci-mediatypes=true,rewrite-timestamp=true",
            &format!("--metadata-file={}", metadata.display()),
        ],
    );
    let told: Value = serde_json::from_slice(&std::fs::read(metadata).unwrap()).unwrap();
    assert_eq!(told["containerimage.digest"], digest);
}

#[tokio::test]
async fn media_types_are_those_of_the_step() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    for (types, expected) in [
        ("docker", "application/vnd.docker.distribution.manifest.v2+json"),
        ("oci", "application/vnd.oci.image.manifest.v1+json"),
    ] {
        let image = shop.image_of(json!({"media-types": types, "attach-log": false})).await;
        assert_eq!(image.manifest["mediaType"], expected);
    }
}

#[tokio::test]
async fn annotations_are_at_the_level_that_stands_before_them() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let annotations = json!({
        "everywhere": "m", "index:top": "i", "manifest[linux/arm64]:arm": "a", "manifest-descriptor:entry": "d",
        "index,manifest:both": "b"
    });
    let step = json!({"platforms": "linux/amd64,linux/arm64", "annotations": annotations});
    let index = shop.image_of(step).await;
    assert_eq!(index.manifest["annotations"], json!({"top": "i", "both": "b"}));
    for entry in index.manifest["manifests"].as_array().unwrap() {
        assert_eq!(entry["annotations"], json!({"entry": "d"}));
    }
    let of = async |architecture| index.platform(architecture).await.manifest["annotations"].clone();
    assert_eq!(of("amd64").await, json!({"everywhere": "m", "both": "b"}));
    assert_eq!(of("arm64").await, json!({"everywhere": "m", "both": "b", "arm": "a"}));
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_built() {
    let shop = Shop::open("FROM scratch\n").await;
    let rows = [
        (json!({"annotations": {"index:a": "b"}}), "build.annotations: `index:` is for images of several"),
        (
            json!({"media-types": "docker", "attest": "max"}),
            "build.media-types: `docker` has no attestations",
        ),
        (json!({"attest": {"provenance": "full"}}), r#""full" is not one of `min`, `max`"#),
        (json!({"annotations": {"a b": "c"}}), "the name of an annotation has no spaces"),
        (json!({"annotations": {"manifest[arm]:a": "b"}}), "is no platform"),
        (json!({"media-types": "docker", "compression": "zstd"}), "build.media-types: `docker` has no name"),
        (
            json!({"rewrite-timestamp": true}),
            "build.rewrite-timestamp: needs a time; set `source-date-epoch`",
        ),
        (
            json!({"source-date-epoch": 1, "build-args": {"SOURCE_DATE_EPOCH": "2"}}),
            "stands beside `build-args.SOURCE_DATE_EPOCH`",
        ),
        (json!({"shm-size": "much"}), "is no size such as `64m` or `1g`"),
        (json!({"shm-size": 0}), "is no size"),
        (json!({"ulimits": {"nofiles": 1}}), "is no ulimit; there are core, "),
        (json!({"ulimits": ["nofile=9:8"]}), "the soft limit of nofile is above the hard one"),
    ];
    for (fields, words) in rows {
        let node = shop.plugin.node(&template(shop.build(fields.clone()))).await;
        expect_phase(&node, "Failed");
        let message = node["message"].as_str().unwrap();
        assert!(message.contains(words), "{fields}: {message}");
    }
}
