//! `argo-buildkit man`, and the page of all subcommands.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{printed, run, subcommands, subcommands_of};

fn pages(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let page = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(page).collect()
}

#[test]
fn every_subcommand_has_its_page() {
    let room = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let out = room.path().join(name).join("man1");
        assert_eq!(printed(&["man", "--out", out.to_str().unwrap()]), "");
        pages(&out)
    };
    let first = write("first");
    let mut expected: Vec<_> =
        subcommands().iter().map(|words| format!("argo-buildkit-{}.1", words.join("-"))).collect();
    expected.push("argo-buildkit.1".to_owned());
    expected.sort();
    assert_eq!(first.keys().cloned().collect::<Vec<_>>(), expected);
    assert_eq!(write("second"), first, "each run writes the same");
    assert_eq!(printed(&["man"]), first["argo-buildkit.1"]);
}

/// groff joins lines that are not said to be separate.
#[test]
fn a_page_keeps_the_lines_of_its_exit_codes() {
    let room = tempfile::tempdir().unwrap();
    printed(&["man", "--out", room.path().to_str().unwrap()]);
    let check = &pages(room.path())["argo-buildkit-check.1"];
    let notes = check.split_once("\n.SH NOTES\n.nf\n").unwrap().1;
    assert!(notes.contains("\n  1  at least one FAIL\n") && notes.trim_end().ends_with(".fi"), "{notes}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = run(&["man", "--out", file.join("below").to_str().unwrap()]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.starts_with(&format!("Error: creating {}/below: ", file.display())), "{said}");
}

#[test]
fn the_page_of_the_command_line_has_a_row_for_each_subcommand() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/command-line.md");
    let page = fs::read_to_string(page).unwrap();
    for name in subcommands_of(&[]) {
        assert!(page.contains(&format!("\n| `{name}` | ")), "{name}");
    }
}
