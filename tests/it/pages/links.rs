//! Every link leads somewhere, the index names every page, and the targets of make that pages name exist.

use std::collections::BTreeSet;
use std::path::Path;

use regex_lite::Regex;

use super::markdown::{anchors, links};
use super::{ROOT, pages, read};

/// What is wrong with a link of a page, or nothing.
fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_owned(),
        file => page.parent().unwrap().join(file),
    };
    if !Path::new(ROOT).join(&path).exists() {
        return Some(format!("{}: no file for `{target}`", page.display()));
    }
    let is_page = path.extension().is_some_and(|extension| extension == "md");
    if !is_page || anchor.is_empty() || anchors(&read(&path)).contains(anchor) {
        return None;
    }
    Some(format!("{}: no heading for `{target}`", page.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for page in pages() {
        for target in links(&read(&page)) {
            count += 1;
            wrong.extend(broken(&page, &target));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 300, "{count} links");
}

/// The pages that `index` links to, by their name in its own folder.
fn indexed(index: &str) -> BTreeSet<String> {
    links(&read(index)).into_iter().map(|target| target.split('#').next().unwrap().to_owned()).collect()
}

#[test]
fn the_index_of_each_folder_names_its_pages() {
    for folder in ["docs", "docs/adr"] {
        let index = indexed(&format!("{folder}/README.md"));
        let own = pages().into_iter().filter(|page| page.parent() == Some(Path::new(folder)));
        let names = own.map(|page| page.file_name().unwrap().to_str().unwrap().to_owned());
        let missing: Vec<_> = names.filter(|name| name != "README.md" && !index.contains(name)).collect();
        assert!(missing.is_empty(), "{folder}/README.md does not name {missing:?}");
    }
    assert!(
        indexed("README.md").contains("docs/README.md")
            && indexed("docs/README.md").contains("adr/README.md")
    );
}

#[test]
fn every_target_of_make_that_a_page_names_exists() {
    let makefile = read("Makefile");
    let written = Regex::new(r"(?m)(?:`|^)make ([a-z][a-z0-9-]*)").unwrap();
    let mut seen = 0;
    for page in pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        for found in written.captures_iter(&read(&page)) {
            let target = &found[1];
            seen += 1;
            assert!(makefile.contains(&format!("\n{target}:")), "{}: `make {target}`", page.display());
        }
    }
    assert!(seen > 20, "{seen}");
}
