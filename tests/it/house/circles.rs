//! Circular dependencies between files. Files in a circle cannot be read, or moved, one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::library;

/// Each file by its module, with the files that it uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Known circles that are allowed for now. Circles may only be removed from this list.
const KNOWN: &[&[&str]] = &[];

/// The dependencies between files. A file and those below it count as one, and tests are left out.
fn graph() -> Graph {
    let sources: Vec<_> =
        library().into_iter().filter(|source| !source.module.contains(&"tests".into())).collect();
    let modules: BTreeSet<String> = sources.iter().map(|source| source.module.join("::")).collect();
    let file_of = |path: &[String]| {
        let tops = (1..=path.len()).rev().map(|length| path[..length].join("::"));
        tops.into_iter().find(|module| modules.contains(module))
    };
    let is_part = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}::"));
    let edges = sources.iter().map(|source| {
        let module = source.module.join("::");
        let named = source.names.iter().filter_map(|path| file_of(path));
        let others = named.filter(|other| !is_part(other, &module) && !is_part(&module, other)).collect();
        (module, others)
    });
    edges.collect()
}

/// All files that `from` uses, directly or indirectly.
fn reached<'a>(graph: &'a Graph, from: &'a str) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        let new: Vec<_> = graph[file].iter().map(String::as_str).filter(|to| !reached.contains(to)).collect();
        reached.extend(&new);
        next.extend(new);
    }
    reached
}

/// The sets of files in which each file uses all others, directly or indirectly.
fn circles(graph: &Graph) -> BTreeSet<Vec<&str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|file| (file.as_str(), reached(graph, file))).collect();
    let circle = |file: &str| {
        let both = reach[file].iter().filter(|other| reach[**other].contains(file));
        both.copied().collect::<Vec<_>>()
    };
    graph.keys().map(|file| circle(file)).filter(|circle| circle.len() > 1).collect()
}

#[test]
fn no_files_need_each_other() {
    let graph = graph();
    let known: BTreeSet<Vec<&str>> = KNOWN.iter().map(|circle| circle.to_vec()).collect();
    assert_eq!(circles(&graph), known);
}

#[test]
fn a_circle_is_found_however_long_it_is() {
    let of = |edges: &[(&str, &[&str])]| -> Graph {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        edges.iter().map(|(file, named)| ((*file).to_owned(), owned(named))).collect()
    };
    let open = of(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]);
    assert!(circles(&open).is_empty());
    let closed = of(&[("a", &["b"]), ("b", &["c"]), ("c", &["a", "d"]), ("d", &[])]);
    assert_eq!(circles(&closed), [vec!["a", "b", "c"]].into());
}
