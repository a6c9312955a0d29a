//! `argo-buildkit tags`.

use std::process::{Command, Output};

use serde_json::Value;

use super::{repository, versions};

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");

async fn run(arguments: &[&str]) -> Output {
    let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || {
        Command::new(BINARY).arg("tags").args(arguments).env("HOME", "/nonexistent").output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn tags_are_printed_as_lines_as_a_table_and_as_json() {
    let repository = repository();
    versions(&repository).await;
    let name = repository.name.as_str();
    let all = run(&[name]).await;
    assert_eq!(text(&all.stdout), "1.10.0\n1.4.0\n1.9.0\n2.0.0-rc.1\nlatest\n", "{}", text(&all.stderr));
    let newest = run(&[name, "--semver", ">=1.4, <2", "--limit", "2"]).await;
    assert_eq!(text(&newest.stdout), "1.10.0\n1.9.0\n");
    let table = run(&[name, "--sort", "created", "--details"]).await;
    let rows: Vec<Vec<&str>> = text(&table.stdout).lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((rows.len(), rows[0][0], rows[1][0]), (5, "2.0.0-rc.1", "1.9.0"));
    assert_eq!((rows[0][2], rows[0][4]), ("2026-11-04T10:00:00.5Z", "linux/amd64"));
    let one = run(&[&format!("{name}:1.4.0"), "--json"]).await;
    let one: Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!((&one["exists"], &one["images"][0]["tag"]), (&Value::from(true), &Value::from("1.4.0")));
}

#[tokio::test]
async fn no_such_image_is_exit_code_1_and_a_wrong_range_says_so() {
    let repository = repository();
    let absent = run(&[&repository.name]).await;
    assert_eq!((absent.status.code(), text(&absent.stdout)), (Some(1), ""));
    let wrong = run(&[&repository.name, "--semver", "newest"]).await;
    assert!(
        text(&wrong.stderr).contains("tags.filter.semver: is no range of versions"),
        "{}",
        text(&wrong.stderr)
    );
    let away = run(&["127.0.0.1:1/a", "--timeout", "1s"]).await;
    assert!(!away.status.success() && text(&away.stderr).contains("127.0.0.1:1"), "{}", text(&away.stderr));
}
