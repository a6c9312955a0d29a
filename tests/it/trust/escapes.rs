//! Foreign text reaches logs, messages and terminals as plain text.

use std::process::Command;

use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::collector::Collector;
use crate::support::plugin::{Setup, expect_phase, output};
use crate::support::shared::shared_buildkitd;
use crate::support::shop::{Shop, template};

/// The parts of each hostile text: a title, a cursor movement, a carriage return, a direction mark, a character
/// without width.
const HOSTILE: &str = "begin\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\rover\u{202e}txet\u{2066}\u{200b}\u{8}end";

/// The first character of `text` that a terminal would execute, or that hides or reorders others.
fn obeyed(text: &str) -> Option<char> {
    let kept = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
    let marks = "\u{61c}\u{200b}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2028}\u{2029}\u{2066}\u{2067}\u{2068}\u{2069}";
    text.chars().find(|c| kept(c) || marks.contains(*c))
}

#[track_caller]
fn plain(what: &str, text: &str) {
    assert_eq!(obeyed(text), None, "{what}: {text:?}");
}

/// Every text in `value`.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// A step that prints hostile text, has it in its name and in a warning, and fails.
fn dockerfile() -> String {
    format!(
        "FROM BASE\nRUN echo '{HOSTILE}'; printf 'a\\033[31mb\\033]0;t\\007c\\rEVIL\\342\\200\\256x\\n'; exit 3 # {HOSTILE}\n"
    )
}

#[tokio::test]
async fn what_a_build_prints_and_is_called_moves_no_cursor() {
    for format in ["text", "json"] {
        let collector = Collector::start().await;
        let setup = Setup::new(shared_buildkitd().address()).env("ARGO_BUILDKIT_LOG_FORMAT", format);
        let setup = setup.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
        let shop = Shop::with(setup.start(), &dockerfile()).await;
        let node = shop.plugin.node(&template(shop.build(json!({})))).await;
        expect_phase(&node, "Failed");
        texts(&node).iter().for_each(|text| plain("node", text));
        assert!(output(&node, "log-tail").contains("EVIL"), "{node}");
        plain("kept log", &crate::logs::kept(&shop, &output(&node, "log")));
        shop.plugin.signal("TERM");
        assert!(shop.plugin.exit().await.success());
        collector.spans().iter().for_each(|span| plain("span", &span.name));
        assert!(collector.text().contains("RUN echo"));
        let marks = obeyed(&collector.text().replace("\\u{1b}", "\u{1b}").replace("\\u{202e}", "\u{202e}"));
        assert_eq!(marks, None, "spans");
        for line in shop.plugin.log().lines() {
            plain("log", line);
            if let Ok(event) = serde_json::from_str::<Value>(line) {
                texts(&event).iter().for_each(|text| plain("event", text));
            }
        }
    }
}

/// A server that answers everything with `body`.
async fn server(status: StatusCode, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let router = Router::new().fallback(async move || (status, body));
    tokio::spawn(async move { axum::serve(listener, router).await });
    host
}

#[tokio::test]
async fn what_servers_and_files_say_is_plain_and_short() {
    let shop = Shop::open("FROM scratch\nCOPY main.txt /\n").await;
    let long = format!("{HOSTILE}{}", "x".repeat(3 << 20));
    let denied = server(StatusCode::FORBIDDEN, long.clone()).await;
    let broken =
        server(StatusCode::BAD_REQUEST, json!({"errors": [{"code": HOSTILE, "message": long}]}).to_string())
            .await;
    shop.gitops
        .commit_file(
            "main",
            "chart/broken.yaml",
            &format!("a: [{HOSTILE}\nb: }} {}\n", "y".repeat(1 << 20)),
            "break",
        )
        .await;
    let other = |repo: &str| json!({"context": {"repo": format!("http://{repo}/a/b"), "revision": "main", "secret": null}});
    let target = |file: &str| json!({"targets": [{"file": file, "helm": {"image.tag": "1"}}]});
    let rows = [
        ("a Git server", shop.build(other(&denied))),
        ("a registry", shop.build(json!({"tags": format!("{broken}/a/b:1"), "registry-secret": null}))),
        ("a cache", shop.build(json!({"push": false, "cache": {"from": [{"ref": format!("{broken}/a/c:1"), "insecure": true}]}}))),
        ("a file", shop.update(json!({}), target("chart/broken.yaml"))),
        ("a path", shop.update(json!({}), target("chart/\u{202e}lmay.seulav"))),
        ("a branch", shop.update(json!({"image.tag": "1"}), json!({"branch": "ma\u{202e}\u{200b}in"}))),
        ("an author", shop.update(json!({"image.tag": "1"}), json!({"author": {"name": HOSTILE}}))),
        ("a field", json!({"build": {HOSTILE: 1}})),
        ("a kind", json!({long.clone(): 1, "b": 2})),
        ("JSON in a string", json!({"build": {"context": format!("{{\"{}\"", "z".repeat(500_000))}})),
    ];
    for (what, step) in rows {
        let node = shop.plugin.node(&template(step)).await;
        texts(&node).iter().for_each(|text| plain(what, text));
        let said = node["message"].as_str().unwrap();
        assert!(said.len() < 4000, "{what} said {} bytes", said.len());
    }
    shop.plugin.log().lines().for_each(|line| plain("log", line));
}

#[test]
fn a_terminal_is_told_in_plain_text() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for text in [
        format!("build: {{\"{HOSTILE}\": 1}}"),
        format!("build: [\n{HOSTILE}\n: }}"),
        format!("{{\"build\": {{\"context\": \"{HOSTILE}\"}}}}"),
    ] {
        std::fs::write(file.path(), text).unwrap();
        for command in ["run", "edit"] {
            let mut ours = Command::new(env!("CARGO_BIN_EXE_argo-buildkit"));
            ours.env_clear().arg(command).arg(file.path());
            if command == "edit" {
                ours.arg("--set").arg("a=b");
            }
            let said = ours.output().unwrap();
            assert!(!said.status.success());
            plain(command, &String::from_utf8_lossy(&said.stderr));
        }
    }
}
