//! The pages at the root, in docs/ and beside the code: their links, their index, their numbers, their smallest examples.

mod kinds;
mod links;
mod markdown;
mod numbers;
mod uninstall;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Folders with pages. Other `.md` files are inputs of tests.
const FOLDERS: &[&str] = &[".", "docs", "docs/adr", "deploy", "tests/cluster", "tests/testbed"];

/// All pages, by their path from the root.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for folder in FOLDERS {
        let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
        let names = entries.map(|entry| PathBuf::from(entry.unwrap().file_name()));
        let files = names.filter(|name| name.extension().is_some_and(|extension| extension == "md"));
        pages.extend(files.map(|name| if *folder == "." { name } else { Path::new(folder).join(name) }));
    }
    pages.sort();
    pages
}

fn read(page: impl AsRef<Path>) -> String {
    let page = page.as_ref();
    fs::read_to_string(Path::new(ROOT).join(page))
        .unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}
