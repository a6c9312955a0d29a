//! Options of a build: target, arguments, secrets, labels, cache off, network, hosts.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::buildkitd::Buildkitd;
use crate::support::net::unique;
use crate::support::plugin::{Setup, expect_phase, output};
use crate::support::shared::World;
use crate::support::shop::{Shop, template};

/// A random number for each run of its `RUN`. Equal numbers come from the cache.
const STAGES: &str = "\
FROM BASE AS one
ARG WHO=nobody
RUN echo $WHO $(cat /proc/sys/kernel/random/uuid) >/one.txt
FROM BASE AS two
RUN cat /proc/sys/kernel/random/uuid >/two.txt
FROM scratch AS small
ARG WHO=nobody
LABEL who=$WHO from=dockerfile
COPY --from=one /one.txt /
FROM small
LABEL last=yes
COPY --from=two /two.txt /
";

#[tokio::test]
async fn target_and_build_args_choose_what_is_built() {
    let shop = Shop::open(STAGES).await;
    let whole = shop.image_of(json!({})).await;
    assert!(whole.file("one.txt").await.starts_with("nobody "));
    assert!(whole.try_file("two.txt").await.is_some());
    assert_eq!(whole.config().await["config"]["Labels"]["last"], "yes");

    let small =
        shop.image_of(json!({"target": "small", "build-args": {"WHO": "a b=c,d", "EMPTY": ""}})).await;
    assert!(small.file("one.txt").await.starts_with("a b=c,d "));
    assert_eq!(small.try_file("two.txt").await, None);
    assert_eq!(small.config().await["config"]["Labels"]["who"], "a b=c,d");
}

#[tokio::test]
async fn labels_are_in_the_config_and_annotations_in_the_manifest() {
    let shop = Shop::open("FROM scratch\nLABEL from=dockerfile kept=yes\nCOPY main.txt /\n").await;
    let labels = json!({"from": "step", "org.opencontainers.image.source": "https://g.example/a?b=c,d"});
    let annotations = json!({"org.opencontainers.image.version": "1.4.0", "example.com/a": "x, \"y\""});
    let image = shop.image_of(json!({"labels": labels, "annotations": annotations})).await;
    let expected = json!({"from": "step", "kept": "yes", "org.opencontainers.image.source": "https://g.example/a?b=c,d"});
    assert_eq!(image.config().await["config"]["Labels"], expected);
    assert_eq!(image.manifest["annotations"], annotations);
}

#[tokio::test]
async fn no_cache_runs_all_or_some_stages_again() {
    let shop = Shop::open(&STAGES.replace("RUN ", &format!("RUN : {} && ", unique("no-cache")))).await;
    let run = async |target: &str, no_cache: Value| {
        let image = shop.image_of(json!({"target": target, "no-cache": no_cache})).await;
        image.file(&format!("{target}.txt")).await
    };
    let one = run("one", json!(false)).await;
    assert_eq!(run("one", json!("")).await, one);
    assert_eq!(run("one", json!(["two"])).await, one, "another stage");
    let again = run("one", json!("one,two")).await;
    assert_ne!(again, one);
    assert_ne!(run("one", json!(true)).await, again);
}

#[tokio::test]
async fn a_secret_is_a_file_of_one_run_and_in_no_layer() {
    let value = "//npm.example/:_authToken=hunter2-in-a-file\nsecond line\n";
    let shop = Shop::open(
        "FROM BASE AS build\n\
        RUN --mount=type=secret,id=npmrc,required sha256sum </run/secrets/npmrc >/sum\n\
        RUN --mount=type=secret,id=key,target=/root/key,required cat /root/key | wc -c >/length\n\
        RUN ls /run/secrets 2>/dev/null >/left || true\n\
        FROM scratch\nCOPY --from=build /sum /length /left /\n",
    )
    .await;
    shop.plugin.put("npm", ".npmrc", value);
    shop.plugin.put("npm", "key", "12345");
    let secret = |id: &str, key: &str| json!({"id": id, "secret": {"name": "npm", "key": key}});
    let node = shop.built(json!({"secrets": [secret("npmrc", ".npmrc"), secret("key", "key")]})).await;
    let image = shop.pushed(&node).await;
    assert_eq!(image.file("sum").await.split(' ').next().unwrap(), hex::encode(Sha256::digest(value)));
    assert_eq!(image.file("length").await, "5");
    assert_eq!(image.file("left").await, "");
    let told = format!("{node}{}{}{}", image.config().await, shop.plugin.log(), shop.plugin.argv());
    assert!(!told.contains("hunter2"), "the value is told nowhere");
}

#[tokio::test]
async fn network_none_leaves_a_run_the_loopback_alone() {
    let interfaces = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort | tr '\\n' ' '";
    let shop = Shop::open(&format!(
        "FROM BASE AS build\nRUN {interfaces} >/net\nFROM scratch\nCOPY --from=build /net /\n"
    ))
    .await;
    assert_eq!(shop.image_of(json!({"network": "none"})).await.file("net").await, "lo");
    let mut host: Vec<_> = std::fs::read_to_string("/proc/net/dev")
        .unwrap()
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect();
    host.sort();
    for network in ["default", "sandbox", ""] {
        // The daemon of the tests runs with --oci-worker-net=host.
        assert_eq!(shop.image_of(json!({"network": network})).await.file("net").await, host.join(" "));
    }
}

/// The daemon must allow it, the step must request it, and a `RUN` must use it.
#[tokio::test]
async fn a_run_has_every_capability_where_daemon_and_step_say_so() {
    let world = World::shared().await;
    let hosts = [world.registry.host(), world.gitea.host()];
    let plain = hosts.map(|host| format!("[registry.\"{host}\"]\nhttp = true\n")).concat();
    let daemon = Buildkitd::start(&format!("insecure-entitlements = [\"security.insecure\"]\n{plain}"));
    let setup = Setup::new(daemon.address()).start();
    let shop = Shop::with(
        setup,
        "FROM BASE AS build\nRUN grep CapBnd /proc/self/status >/sandbox\n\
         RUN --security=insecure grep CapBnd /proc/self/status >/insecure\n\
         FROM scratch\nCOPY --from=build /sandbox /insecure /\n",
    )
    .await;
    let node = shop.plugin.node(&template(shop.build(json!({})))).await;
    expect_phase(&node, "Failed");
    let message = node["message"].as_str().unwrap();
    assert!(message.contains("name `security.insecure` under `entitlements`"), "{message}");
    let image = shop.image_of(json!({"entitlements": "security.insecure"})).await;
    assert_ne!(image.file("sandbox").await, image.file("insecure").await);
}

#[tokio::test]
async fn extra_hosts_are_in_etc_hosts() {
    let shop = Shop::open(
        "FROM BASE AS build\nRUN cat /etc/hosts >/hosts\nFROM scratch\nCOPY --from=build /hosts /\n",
    )
    .await;
    for hosts in [
        json!({"db.example": "10.1.2.3", "six.example": "2001:db8::7"}),
        json!(["db.example=10.1.2.3", "six.example=2001:db8::7"]),
    ] {
        let hosts = shop.image_of(json!({"extra-hosts": hosts})).await.file("hosts").await;
        let words: Vec<Vec<_>> = hosts.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(words.contains(&vec!["10.1.2.3", "db.example"]), "{hosts}");
        assert!(words.contains(&vec!["2001:db8::7", "six.example"]), "{hosts}");
    }
}

#[tokio::test]
async fn steps_are_counted_and_the_log_has_what_a_run_said() {
    let shop = Shop::open(
        "FROM BASE AS build\nRUN echo what the run said\nFROM scratch\nCOPY --from=build /bin/busybox /\n",
    )
    .await;
    let node = shop.built(json!({})).await;
    assert!(output(&node, "log-tail").contains("what the run said"));
    let (cached, total) = (output(&node, "cached-steps"), output(&node, "total-steps"));
    assert!(cached.parse::<u32>().unwrap() < total.parse().unwrap(), "{cached} of {total}");
    assert!(output(&node, "seconds").parse::<f32>().is_ok());
    assert_eq!((output(&node, "cache"), output(&node, "warnings")), ("none".into(), "[]".into()));
}
