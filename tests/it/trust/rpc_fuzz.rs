//! The process survives and answers every request to the RPC.
//!
//! The bodies are those of the documentation with some changed parts, so most pass the first check of a parser.
//! `ARGO_BUILDKIT_FUZZ_SEED` and `ARGO_BUILDKIT_FUZZ_BODIES` set the seed and the number.

use fastrand::Rng;
use futures_util::StreamExt as _;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::net::client;
use crate::support::plugin::{Plugin, Setup, TOKEN, Workflow};

const DOCS: &str = include_str!("../../../docs/steps.md");
/// The number of bodies by default.
const BODIES: usize = 1_000;
/// The number of bodies at a time.
const AT_ONCE: usize = 8;
/// A port of this machine without a server replaces every host of the documentation.
const NOWHERE: &str = "127.0.0.1:1";

#[tokio::test]
async fn odd_bodies_are_answered_and_end_nothing() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seed = number("ARGO_BUILDKIT_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let bodies = number("ARGO_BUILDKIT_FUZZ_BODIES").map_or(BODIES, |count| usize::try_from(count).unwrap());
    let plugin = Setup::new("unix:///nowhere").start();
    let mut rng = Rng::with_seed(seed);
    let seeds = examples();
    let odd = (0..bodies).map(|_| {
        let mut template = seeds[rng.usize(..seeds.len())].clone();
        (0..1 + rng.usize(..4)).for_each(|_| change(&mut template, &mut rng));
        Workflow::new().request(&template).to_string()
    });
    let odd: Vec<_> = odd.collect();
    let answers =
        futures_util::stream::iter(&odd).map(|body| answer(&plugin, body)).buffer_unordered(AT_ONCE);
    answers.for_each(async |(body, status, said)| check(seed, body, status, &said)).await;
    assert_eq!(plugin.ops("/healthz").await.0, StatusCode::OK);
    let log = plugin.log();
    assert!(!log.contains("panicked"), "seed {seed}: {log}");
}

async fn answer<'a>(plugin: &Plugin, body: &'a str) -> (&'a str, StatusCode, String) {
    let url = format!("{}/api/v1/template.execute", plugin.url());
    let response = client().post(url).bearer_auth(TOKEN).body(body.to_owned()).send().await.unwrap();
    (body, response.status(), response.text().await.unwrap())
}

fn check(seed: u64, body: &str, status: StatusCode, said: &str) {
    let about = || format!("seed {seed}, {status}: {}\n{}", cut(said), cut(body));
    if [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE].contains(&status) {
        return assert!(said.len() < 4 << 10, "{}", about());
    }
    assert_eq!(status, StatusCode::OK, "{}", about());
    let reply: Value = serde_json::from_str(said).unwrap_or_else(|_| panic!("{}", about()));
    if reply == json!({}) {
        return;
    }
    let phase = reply["node"]["phase"].as_str().unwrap_or_default();
    assert!(["Pending", "Running", "Succeeded", "Failed", "Error"].contains(&phase), "{}", about());
    let message = reply["node"]["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty() && message.len() <= 33 << 10, "{}", about());
    assert!(!message.contains("has a bug"), "{}", about());
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(2_000)]
}

/// The documentation's templates, with hosts that have no server.
fn examples() -> Vec<Value> {
    let blocks = DOCS.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let hosts = regex_lite::Regex::new(r"[a-z]+\.example\.com").unwrap();
    let templates = blocks.filter(|block| block.contains("plugin:"));
    let templates =
        templates.map(|block| serde_saphyr::from_str(&hosts.replace_all(block, NOWHERE)).unwrap());
    let templates: Vec<Value> = templates.collect();
    assert!(templates.len() > 5);
    templates
}

/// Changes one part of `value`.
fn change(value: &mut Value, rng: &mut Rng) {
    let deeper = rng.u8(..) < 240;
    let inside = match value {
        Value::Object(map) if deeper && !map.is_empty() => {
            let at = rng.usize(..map.len());
            map.values_mut().nth(at)
        }
        Value::Array(list) if deeper && !list.is_empty() => {
            let at = rng.usize(..list.len());
            list.get_mut(at)
        }
        _ => None,
    };
    match inside {
        Some(inside) if rng.u8(..) < 230 => change(inside, rng),
        Some(inside) => *inside = odd(rng),
        None => replace(value, rng),
    }
}

fn replace(value: &mut Value, rng: &mut Rng) {
    match (rng.u8(..6), &mut *value) {
        (0, Value::Object(map)) => drop(map.insert(text(rng), odd(rng))),
        (1, Value::Object(map)) => {
            if let Some(key) = map.keys().nth(rng.usize(..map.len().max(1))).cloned() {
                map.remove(&key);
            }
        }
        (0 | 1, Value::Array(list)) => {
            list.extend((0..rng.usize(..50)).map(|_| odd(rng)).collect::<Vec<_>>())
        }
        (2, _) => *value = Value::String(value.to_string()),
        (3, Value::String(old)) => {
            old.insert_str(old.ceil_char_boundary(rng.usize(..=old.len())), &text(rng))
        }
        (4, _) => *value = json!([value.take(), odd(rng)]),
        _ => *value = odd(rng),
    }
}

fn odd(rng: &mut Rng) -> Value {
    match rng.u8(..10) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(..)),
        3 => json!(f64::MAX),
        4 => json!({ text(rng): text(rng) }),
        5 => (0..rng.usize(..100)).fold(json!("end"), |inner, _| json!([inner])),
        6 => json!(vec![text(rng); rng.usize(..2_000)]),
        _ => json!(text(rng)),
    }
}

fn text(rng: &mut Rng) -> String {
    const PARTS: &[&str] = &[
        "",
        "$(build.image)",
        "$(",
        "$$(",
        "{{x}}",
        "..",
        "/",
        "a",
        "é",
        "\u{202e}",
        "\u{0}",
        "\r\n",
        "\u{1b}[31m",
        "true",
        "-1",
        "1e309",
        "18446744073709551616",
        "sha256:",
        "image:a.b[name=c]",
        "**",
        "*/*",
        "[",
        "\"",
        "'",
        "#",
        "&a",
        "*a",
        "!!binary",
        "30m",
        "9999999999h",
        "http://127.0.0.1:1/a.git",
        "git@127.0.0.1:a",
        "docker-image://",
        "refs/heads/",
        "linux/amd64",
        "%",
        "%zz",
        ":",
        "@",
        ",",
        "=",
        "\\",
    ];
    let times = if rng.u8(..) == 0 { 20_000 } else { 1 + rng.usize(..4) };
    let part = |rng: &mut Rng| PARTS[rng.usize(..PARTS.len())];
    match rng.bool() {
        true => part(rng).repeat(times),
        false => (0..times.min(50)).map(|_| part(rng)).collect(),
    }
}
