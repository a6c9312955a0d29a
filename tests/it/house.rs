//! Checks which room uses which. The table in src/lib.rs defines the order; the test parses the sources and checks them against it.

mod circles;
mod editor_messages;
mod errors;
mod names;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use names::Source;

/// Pairs that must be kept apart although the table's order would allow them.
const APART: &[(&str, &[&str])] = &[
    ("config", &["rpc", "agent", "check"]),
    ("rpc", &["agent", "check"]),
    ("agent", &["check"]),
    ("check", &["argo", "step", "jobs"]),
    ("argo", &["engine", "policy"]),
    ("engine", &["jobs"]),
    ("policy", &["jobs"]),
    ("step", &["jobs", "write_back", "buildkit", "kube"]),
    ("jobs", &["write_back", "buildkit", "argocd", "kube", "git", "oci", "forge", "manifest"]),
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Collects every source file of the library below `path`.
fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| sources(&entry.unwrap().path(), found));
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

/// All of the library's files, parsed.
fn library() -> Vec<Source> {
    let mut files = Vec::new();
    sources(&src(), &mut files);
    let files = files.iter().filter(|file| !file.ends_with("src/main.rs") && !file.ends_with("src/lib.rs"));
    files.map(|file| Source::read(&src(), file)).collect()
}

/// The rooms in the order of the table in src/lib.rs.
fn table() -> Vec<String> {
    let text = fs::read_to_string(src().join("lib.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" |").next());
    let names = rows.map(|name| name.trim_matches(['[', ']', '`']).to_owned());
    names.filter(|name| name != "room").collect()
}

#[test]
fn every_room_has_its_row_in_the_table_of_the_library() {
    let mut rows = table();
    let mut rooms: Vec<_> = library().iter().map(Source::room).collect();
    rows.sort();
    rooms.sort();
    rooms.dedup();
    assert_eq!(rows, rooms);
}

#[test]
fn a_room_names_only_rooms_below_it() {
    let rows = table();
    let place: BTreeMap<&str, usize> = rows.iter().enumerate().map(|(n, row)| (row.as_str(), n)).collect();
    let mut wrong = Vec::new();
    for source in library() {
        let room = source.room();
        let apart = APART.iter().find(|(own, _)| *own == room).map_or(&[][..], |(_, apart)| apart);
        for named in source
            .names
            .iter()
            .chain(&source.test_names)
            .filter_map(|path| path.first())
            .filter(|named| **named != room)
        {
            let Some(below) = place.get(named.as_str()) else { continue };
            if *below < place[room.as_str()] || apart.contains(&named.as_str()) {
                wrong.push(format!("{} names `{named}`", source.module.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// [The room of HTTP](../../src/http.rs) implements these rules for all clients: refused addresses, redirects, limits.
#[test]
fn only_the_room_of_http_makes_clients_and_reads_answers() {
    let (mut files, mut room) = (Vec::new(), Vec::new());
    sources(&src(), &mut files);
    sources(&src().join("http"), &mut room);
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
