//! `argo-buildkit migrate`: five whole systems as a user runs it, and tests/migrate/cases one by one.

mod cases;
mod directories;
mod docs;
mod keys;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_argo-buildkit");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DONE: i32 = 0;
const NOTHING: i32 = 1;
const UNREAD: i32 = 2;

fn corpus(directory: &str) -> PathBuf {
    Path::new(ROOT).join("tests/migrate").join(directory)
}

/// Runs a subcommand: exit code, standard output, standard error.
fn run(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(BINARY).args(arguments).current_dir(directory).output().unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Migrates a system into a new directory.
fn migrated(system: &Path) -> (tempfile::TempDir, String) {
    let out = tempfile::tempdir().unwrap();
    let directory = out.path().display().to_string();
    let arguments = ["migrate", "input", "--git-url", "https://git.example.com", "--out", &directory];
    let (code, shown, said) = run(system, &arguments);
    assert_eq!(code, DONE, "{}: {said}{shown}", system.display());
    (out, shown)
}

/// With `BLESS`, writes the reports again. The catalogues are written by hand.
#[test]
fn each_system_becomes_the_catalogue_that_its_users_would_write() {
    let systems = entries(&corpus("systems"));
    assert_eq!(systems.len(), 5);
    for system in systems {
        let (out, _) = migrated(&system);
        assert_eq!(
            yaml(&out.path().join("services.yaml")),
            yaml(&system.join("services.yaml")),
            "{}",
            system.display()
        );
        let report = fs::read_to_string(out.path().join("report.md")).unwrap();
        let expected = system.join("report.md");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &report).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(report, expected, "{}: with BLESS=1, the report is written again", system.display());
    }
}

#[test]
fn what_is_written_passes_lint_and_is_what_render_makes() {
    for system in entries(&corpus("systems")) {
        let (out, _) = migrated(&system);
        let templates = Path::new(ROOT).join("workflow-templates").display().to_string();
        let (code, shown, said) = run(out.path(), &["lint", ".", &templates]);
        assert_eq!(code, 0, "{}: {shown}{said}", system.display());
        assert!(!shown.contains(": 0 objects"), "{shown}");
        let (code, shown, said) = run(out.path(), &["render", "services.yaml", "-o", "rendered", "--check"]);
        assert_eq!((code, &*shown, &*said), (0, "", ""), "{}", system.display());
    }
}

#[test]
fn a_second_run_writes_the_same_bytes() {
    for system in entries(&corpus("systems")) {
        let ((one, first), (two, second)) = (migrated(&system), migrated(&system));
        assert_eq!(first, second);
        for name in ["services.yaml", "report.md", "secrets.yaml"] {
            let read = |room: &tempfile::TempDir| fs::read(room.path().join(name)).unwrap();
            assert_eq!(read(&one), read(&two), "{name}");
        }
    }
}
