//! The work for a field grows linearly with its size. A field that is too large is refused.

use std::hint::black_box;
use std::time::Duration;

use argo_buildkit::redact::Redactor;
use argo_buildkit::{step, text};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::Api;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

use crate::support::kube::{BUILDS, Identity, Kube};
use crate::support::net::unique;
use crate::support::plugin::{Setup, expect_phase};
use crate::support::shop::template;

/// The least processor time of `work` in several runs. Other load on the machine does not count.
fn cost(mut work: impl FnMut()) -> Duration {
    let used = || {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let micros = |t: nix::sys::time::TimeVal| {
            Duration::new(t.tv_sec().unsigned_abs(), 0) + Duration::from_micros(t.tv_usec().unsigned_abs())
        };
        micros(usage.user_time()) + micros(usage.system_time())
    };
    let once = |work: &mut dyn FnMut()| {
        let before = used();
        work();
        used() - before
    };
    (0..5).map(|_| once(&mut work)).min().unwrap_or_default()
}

/// Four times the input should cost about four times as much; quadratic work would cost sixteen times.
#[track_caller]
fn linear(what: &str, size: usize, work: impl Fn(usize) -> Box<dyn FnMut()>) {
    let (small, large) = (cost(work(size)), cost(work(4 * size)));
    // Below some milliseconds, the clock is too coarse.
    let grain = Duration::from_millis(4);
    assert!(large < 9 * small.max(grain), "{what}: {small:?} for {size}, {large:?} for four times as much");
}

fn parsing(make: impl Fn(usize) -> Value) -> impl Fn(usize) -> Box<dyn FnMut()> {
    move |size| {
        let body = make(size);
        Box::new(move || drop(black_box(step::parse(&body))))
    }
}

const REPO: &str = "https://git.example.com/a/b";

fn build(field: &str, value: Value) -> Value {
    json!({"build": {"context": REPO, "push": false, field: value}})
}

fn update(field: &str, value: Value) -> Value {
    let targets = json!([{"file": "a.yaml", "helm": {"a": "1"}}]);
    let mut update = json!({"repo": REPO, "targets": targets});
    update[field] = value;
    json!({"update-manifest": update})
}

/// Each type of list and map, with `count` different items.
fn lists(count: usize) -> Vec<(&'static str, Value)> {
    let many = |item: &dyn Fn(usize) -> Value| (0..count).map(item).collect::<Vec<_>>();
    let map = |value: &dyn Fn(usize) -> Value| {
        Value::Object((0..count).map(|n| (format!("k{n}"), value(n))).collect())
    };
    let text = |n: usize| json!(format!("v{n}"));
    let image = |n: usize| json!(format!("r.example.com/i{n}:1"));
    vec![
        ("platforms", build("platforms", json!(many(&|n| json!(format!("linux/arm/v{n}")))))),
        ("platforms", build("platforms", json!(vec!["linux/amd64"; count].join(",")))),
        ("tags", build("tags", json!(many(&image)))),
        (
            "secrets",
            build(
                "secrets",
                json!(many(&|n| json!({"id": format!("i{n}"), "secret": {"name": "s", "key": "k"}}))),
            ),
        ),
        ("build-args", build("build-args", map(&text))),
        ("labels", build("labels", map(&text))),
        ("annotations", build("annotations", map(&text))),
        ("contexts", build("contexts", map(&|n| json!(format!("docker-image://r.example.com/i{n}:1"))))),
        ("from", build("cache", json!({"from": many(&image)}))),
        ("no-cache", build("no-cache", json!(many(&text)))),
        ("extra-hosts", build("extra-hosts", map(&|n| json!(format!("10.0.{}.{}", n / 256 % 256, n % 256))))),
        (
            "targets",
            update("targets", json!(many(&|n| json!({"file": format!("f{n}.yaml"), "helm": {"a": "1"}})))),
        ),
        ("helm", update("targets", json!([{"file": "a.yaml", "helm": map(&text)}]))),
        ("image", update("targets", json!([{"file": "a.yaml", "image": map(&image)}]))),
    ]
}

#[test]
fn lists_cost_what_they_are_long() {
    for at in 0..lists(1).len() {
        let (what, _) = lists(1)[at];
        linear(what, 250, parsing(|size| lists(size)[at].1.clone()));
    }
}

#[test]
fn texts_cost_what_they_are_long() {
    for piece in ["$(", "$(a", "$((", "$$(", "{{", "}", "$(a.b", "\\", "%", "\u{1b}]", "\u{9b}", "x"] {
        let message = |size: usize| update("message", json!(piece.repeat(size / piece.len())));
        linear(&format!("message of {piece:?}"), 60_000, parsing(message));
        let inline = |size: usize| build("dockerfile-inline", json!(piece.repeat(size / piece.len())));
        linear(&format!("Dockerfile of {piece:?}"), 60_000, parsing(inline));
        let within =
            move |size: usize| json!({"steps": [update("message", json!(piece.repeat(size / piece.len())))]});
        linear(&format!("steps with {piece:?}"), 60_000, parsing(within));
        linear(&format!("plain {piece:?}"), 200_000, move |size| {
            let said = piece.repeat(size / piece.len());
            Box::new(move || drop(black_box((text::line(&said), text::lines(&said), text::json_line(&said)))))
        });
    }
}

#[test]
fn a_secrets_lines_cost_what_they_are_many() {
    for line in
        [|n: usize| format!("k{n:07}\n"), |n: usize| format!("aaaaaa{n}\n"), |n: usize| format!("{n}\n")]
    {
        let secret = move |lines: usize| (0..lines).map(line).collect::<String>();
        linear("a secret's lines", 4000, move |size| {
            let secret = secret(size);
            Box::new(move || {
                let redactor = Redactor::default();
                redactor.remember(&secret.as_str().into());
                black_box(redactor.clean("some words"));
            })
        });
        let redactor = Redactor::default();
        redactor.remember(&secret(10_000).into());
        linear("text to clean", 20_000, move |size| {
            let (redactor, said) =
                (redactor.clone(), secret(size / 8) + &"k0000".repeat(size / 5) + &"%6b".repeat(size / 3));
            Box::new(move || drop(black_box(redactor.clean(&said))))
        });
    }
}

/// Over the wire: a field at the limit is accepted. Ten times that is refused, with the field, the limit and the
/// actual size.
#[tokio::test]
async fn each_field_has_a_cap_that_its_message_names() {
    let plugin = Setup::new("unix:///nowhere/buildkitd.sock").start();
    for (field, body) in lists(10_000) {
        let node = plugin.node(&template(body)).await;
        expect_phase(&node, "Failed");
        let said = node["message"].as_str().unwrap();
        let list = said.contains(field) && said.contains("10000") && said.contains("1000 are taken");
        assert!(list || said.contains("more than 20000 values"), "{field}: {said}");
    }
    let words = |length: usize| "$(".repeat(length / 2);
    let rows = [
        (
            "update-manifest.message: is 1000000 bytes long; at most 262144 are taken",
            update("message", json!(words(1_000_000))),
        ),
        (
            "build.dockerfile-inline: is 1000000 bytes long",
            build("dockerfile-inline", json!(words(1_000_000))),
        ),
        (
            "build.target: is 655360 bytes long; at most 65536 are taken",
            build("target", json!("x".repeat(655_360))),
        ),
        ("the step has more than 1048576 bytes of text", update("message", json!(words(2 << 20)))),
        ("the step has more than 20000 values", build("labels", json!(vec![vec![1; 250]; 100]))),
        (
            "steps: has 1000 entries; at most 100 are taken",
            json!({"steps": vec![build("push", json!(false)); 1000]}),
        ),
        ("has more than 200 placeholders", update("message", json!("$(branch)".repeat(2000)))),
    ];
    for (wanted, body) in rows {
        let node = plugin.node(&template(body)).await;
        expect_phase(&node, "Failed");
        let said = node["message"].as_str().unwrap();
        assert!(said.contains(wanted) && said.len() < 3000, "{said}");
    }
    for (field, body) in lists(1000) {
        assert!(step::parse(&body).is_ok(), "{field}: {:?}", step::parse(&body).err());
    }
}

/// The lease is renewed while every thread of the runtime is blocked.
#[tokio::test]
async fn the_lease_is_renewed_while_the_runtime_is_held() {
    let (name, (tell, told)) = (unique("held"), std::sync::mpsc::channel());
    // It runs elsewhere, because this runtime serves nothing while it is blocked.
    let (give, client) = std::sync::mpsc::channel();
    let watched = name.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let client = Kube::shared().await.client(Identity::Admin).await;
            give.send(client.clone()).unwrap();
            let leases: Api<Lease> = Api::namespaced(client, BUILDS);
            let mut seen = Vec::new();
            while seen.len() < 6 {
                let renewed =
                    leases.get_opt(&watched).await.unwrap().and_then(|lease| lease.spec?.renew_time);
                if let Some(renewed) = renewed.filter(|renewed| seen.last() != Some(renewed)) {
                    seen.push(renewed);
                    tell.send(seen.len()).unwrap();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    });
    let cluster = argo_buildkit::kube::Cluster::from(client.recv().unwrap());
    let election = cluster.elect_leader(argo_buildkit::kube::LeaderElectionConfig {
        namespace: Some(BUILDS.to_owned()),
        name,
        identity: "first".to_owned(),
        duration: Duration::from_secs(15),
        retry: Duration::from_millis(200),
    });
    // Nothing runs on this runtime until the sixth renewal.
    while told.recv_timeout(Duration::from_secs(60)).unwrap() < 6 {}
    assert_eq!(*election.leadership().borrow(), argo_buildkit::kube::Leadership::Leader);
    election.release().await;
}
