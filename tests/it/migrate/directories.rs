//! What is read and written: directories, links, sizes.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::{DONE, NOTHING, UNREAD, run};

const TASK: &str = "kind: Task\nmetadata: {name: t}\nspec: {steps: [{name: b, image: kaniko-project/executor, \
                    args: [\"--destination=r.example.com/t\"]}]}\n";

/// A room with a directory `in` that has the task.
fn room() -> tempfile::TempDir {
    let room = tempfile::tempdir().unwrap();
    fs::create_dir(room.path().join("in")).unwrap();
    fs::write(room.path().join("in/task.yaml"), TASK).unwrap();
    room
}

#[test]
fn a_directory_that_is_not_empty_is_written_to_on_request_only() {
    let room = room();
    let out = room.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("services.yaml"), "mine").unwrap();
    let (code, shown, said) = run(room.path(), &["migrate", "in", "--out", "out"]);
    assert_eq!((code, &*shown), (NOTHING, ""));
    assert_eq!(said, "error: out is not empty; name another directory, or write over it with --force\n");
    assert_eq!(fs::read_to_string(out.join("services.yaml")).unwrap(), "mine");
    let (code, ..) = run(room.path(), &["migrate", "in", "--out", "out", "--force"]);
    assert_eq!(code, DONE);
    assert!(fs::read_to_string(out.join("services.yaml")).unwrap().contains("r.example.com/t"));
    assert!(out.join("rendered/event-source.yaml").exists() && out.join("report.md").exists());
}

#[test]
fn without_a_directory_the_report_alone_is_printed() {
    let room = room();
    let (code, shown, said) = run(room.path(), &["migrate", "in"]);
    assert_eq!((code, &*said), (DONE, ""));
    assert!(shown.contains("in/task.yaml:3: direct: spec.steps[0].args[0]: `image`\n"), "{shown}");
    let (code, shown, _) = run(room.path(), &["migrate", "in", "-o", "json"]);
    let report: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(code, DONE);
    assert_eq!(report["services"], serde_json::json!(["t"]));
    assert_eq!(report["keys"].as_array().unwrap().len(), 5);
    assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1);
}

#[test]
fn links_are_not_followed() {
    let (room, other) = (room(), tempfile::tempdir().unwrap());
    fs::write(other.path().join("secret.yaml"), "password: hunter2\n").unwrap();
    symlink(other.path().join("secret.yaml"), room.path().join("in/link.yaml")).unwrap();
    symlink(other.path(), room.path().join("in/directory")).unwrap();
    let (code, shown, said) = run(room.path(), &["migrate", "in"]);
    assert_eq!(code, UNREAD);
    assert!(
        !shown.contains("hunter2") && !shown.contains("in/link") && !shown.contains("in/directory"),
        "{shown}"
    );
    for link in ["in/link.yaml", "in/directory"] {
        assert!(said.contains(&format!("{link} is a symbolic link, and was not followed")), "{said}");
    }
}

#[test]
fn a_bomb_of_aliases_is_one_row() {
    let room = room();
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let alias = format!("*a{}, ", n - 1).repeat(10);
        text.push_str(&format!("a{n}: &a{n} [{alias}]\n"));
    }
    fs::write(room.path().join("in/bomb.yaml"), text).unwrap();
    let (code, shown, _) = run(room.path(), &["migrate", "in"]);
    assert_eq!(code, DONE);
    assert!(
        shown.contains("in/bomb.yaml:") && shown.contains("by hand: .: the file was not read: "),
        "{shown}"
    );
}

/// Each build looks at all documents, so the time grows with the square of their number.
#[test]
fn many_small_documents_are_one_row() {
    let room = room();
    fs::write(room.path().join("in/many.yaml"), "a\n---\n".repeat(20_001)).unwrap();
    let (code, shown, _) = run(room.path(), &["migrate", "in"]);
    assert_eq!(code, DONE);
    let rows = shown.lines().filter(|line| line.starts_with("in/many.yaml:"));
    assert_eq!(rows.count(), 1, "{}", shown.len());
    assert!(shown.contains("in/many.yaml:1: by hand: .: the file was not read: "), "{}", shown.len());
}

#[test]
fn nothing_to_build_is_told() {
    let room = tempfile::tempdir().unwrap();
    fs::write(room.path().join("a.yaml"), "kind: ConfigMap\ndata: {a: b}\n").unwrap();
    let (code, shown, _) = run(room.path(), &["migrate", "a.yaml", "--out", "out"]);
    assert_eq!(code, NOTHING);
    assert!(shown.contains("nothing that was read builds an image"), "{shown}");
    assert_eq!(fs::read_dir(room.path().join("out")).unwrap().count(), 1);
    let (code, _, said) = run(room.path(), &["migrate", "absent.yaml"]);
    assert_eq!(code, UNREAD);
    assert!(said.contains("absent.yaml cannot be read"), "{said}");
}
