//! The flow of the house is one-way: rpc, agent, cli → argo → step → jobs → engine, policy → clients. The sources are read to hold it so.

use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms that it must not name.
const RULES: &[(&[&str], &[&str])] = &[
    (&["git"], &["write_back"]),
    (
        &["buildkit", "oci", "git", "write_back", "kube", "argocd", "forge", "manifest"],
        &["step", "policy", "jobs", "engine", "argo", "check", "rpc", "agent", "cli", "config"],
    ),
    (&["step"], &["policy", "jobs", "engine", "argo", "check", "rpc", "agent", "cli", "config"]),
    (&["policy"], &["jobs", "engine", "argo", "check", "rpc", "agent", "cli", "config"]),
    (&["jobs"], &["step", "policy", "engine", "argo", "check", "rpc", "agent", "cli", "config"]),
    (&["engine"], &["jobs", "argo", "check", "rpc", "agent", "cli", "config"]),
    (&["argo"], &["engine", "check", "rpc", "agent", "cli", "config"]),
    (&["check"], &["step", "jobs", "argo", "rpc", "agent", "cli", "config"]),
    (&["rpc"], &["agent", "check", "cli", "config"]),
    (&["agent"], &["rpc", "check", "cli", "config"]),
    (
        &["http"],
        &[
            "buildkit",
            "oci",
            "git",
            "write_back",
            "kube",
            "argocd",
            "forge",
            "manifest",
            "step",
            "policy",
            "jobs",
            "engine",
            "argo",
            "check",
            "rpc",
            "agent",
            "cli",
            "config",
        ],
    ),
    (
        &[
            "outcome",
            "progress",
            "duration",
            "redact",
            "limits",
            "time_limits",
            "listen",
            "text",
            "push_gate",
        ],
        &[
            "buildkit",
            "git",
            "write_back",
            "argo",
            "argocd",
            "forge",
            "step",
            "policy",
            "jobs",
            "engine",
            "check",
            "rpc",
            "agent",
            "cli",
        ],
    ),
];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| sources(&entry.unwrap().path(), found));
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

/// Whether `text` names the room `other`, and not one whose name only begins so.
fn names(text: &str, other: &str) -> bool {
    let named = format!("crate::{other}");
    text.split(&named).skip(1).any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn no_lower_room_names_a_higher_one() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (room, forbidden) in
        RULES.iter().flat_map(|(rooms, forbidden)| rooms.iter().map(move |r| (r, forbidden)))
    {
        let mut files = Vec::new();
        sources(&src.join(format!("{room}.rs")), &mut files);
        assert!(!files.is_empty(), "there is a room `{room}`");
        if src.join(room).exists() {
            sources(&src.join(room), &mut files);
        }
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let named = forbidden.iter().filter(|other| names(&text, other));
            wrong.extend(named.map(|other| format!("{} names `{other}`", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What [`the room of HTTP`](../../src/http.rs) holds for all: addresses that are not gone to, redirects, limits.
#[test]
fn only_the_room_of_http_makes_clients_and_reads_answers() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut files, mut room) = (Vec::new(), Vec::new());
    sources(&src, &mut files);
    sources(&src.join("http"), &mut room);
    assert!(!room.is_empty(), "there is a room `http`");
    let own = [
        "reqwest::Client",
        "reqwest::get",
        ".send()",
        ".execute(",
        ".bytes().await",
        ".text().await",
        ".json().await",
    ];
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !room.contains(file)) {
        let text = fs::read_to_string(file).unwrap();
        let used = own.iter().filter(|word| text.contains(**word));
        wrong.extend(used.map(|word| format!("{} has `{word}`", file.display())));
    }
    assert!(wrong.is_empty(), "use `crate::http`: {wrong:#?}");
}
