//! Collects the names that a source uses from its own crate: in `use` trees, in other paths, and in the tokens of macros.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Macro, UseTree};

/// A source file and the names that it uses.
pub(super) struct Source {
    /// Its module, such as `["git", "url"]`.
    pub(super) module: Vec<String>,
    /// Paths from the crate's root, such as `["text", "line"]`.
    pub(super) names: BTreeSet<Vec<String>>,
    /// Paths that only its inline tests use.
    pub(super) test_names: BTreeSet<Vec<String>>,
}

impl Source {
    /// Parses the file `file` of the sources in `src`.
    pub(super) fn read(src: &Path, file: &Path) -> Self {
        let module = file.strip_prefix(src).unwrap().with_extension("");
        let module: Vec<_> = module.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        let parsed = syn::parse_file(&fs::read_to_string(file).unwrap());
        let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut reader = Reader::new(module.clone());
        reader.visit_file(&parsed);
        Self { module, names: reader.names, test_names: reader.test_names }
    }

    /// The room that the file belongs to.
    pub(super) fn room(&self) -> String {
        self.module[0].clone()
    }
}

/// Collects paths while it visits a file.
struct Reader {
    /// The module that is being read.
    here: Vec<String>,
    /// Whether that module contains tests.
    in_tests: bool,
    names: BTreeSet<Vec<String>>,
    test_names: BTreeSet<Vec<String>>,
}

impl Reader {
    fn new(here: Vec<String>) -> Self {
        Self { here, in_tests: false, names: BTreeSet::new(), test_names: BTreeSet::new() }
    }

    /// Stores `path` as a path from the crate's root, if it is in this crate.
    fn keep(&mut self, path: &[String]) {
        let above = path.iter().take_while(|part| *part == "super").count();
        let from_root = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("self") => [&self.here, &path[1..]].concat(),
            Some("super") => [&self.here[..self.here.len() - above], &path[above..]].concat(),
            _ => return,
        };
        let names = if self.in_tests { &mut self.test_names } else { &mut self.names };
        names.insert(from_root);
    }

    fn keep_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.keep_tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.keep(&with(&name.ident)),
            UseTree::Rename(name) => self.keep(&with(&name.ident)),
            UseTree::Glob(_) => self.keep(before),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.keep_tree(before, tree)),
        }
    }

    /// Stores every `a::b::c` among the tokens of a macro.
    fn keep_words(&mut self, words: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for word in words {
            match word {
                TokenTree::Ident(name) if colons == 2 => path.push(name.to_string()),
                TokenTree::Ident(name) => {
                    self.keep(&std::mem::replace(&mut path, vec![name.to_string()]));
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.keep_words(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.keep(&std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.keep(&path);
    }
}

impl Visit<'_> for Reader {
    fn visit_item_use(&mut self, item: &ItemUse) {
        self.keep_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        self.keep(&path.segments.iter().map(|part| part.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &ItemMod) {
        let outside = self.in_tests;
        self.in_tests |= item.ident == "tests";
        self.here.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.here.pop();
        self.in_tests = outside;
    }

    fn visit_macro(&mut self, item: &Macro) {
        self.keep_words(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

#[test]
fn every_way_to_name_something_is_seen() {
    let text = "
        use crate::{text::{self, line as l}, step::*};
        use super::super::policy;
        mod tests { use super::super::limits; fn f() { println!(\"{}\", crate::redact::x()); } }
        fn g() -> self::inner::T { crate::outcome::Fault::User; std::mem::take(); }
    ";
    let mut reader = Reader::new(vec!["git".to_owned(), "url".to_owned()]);
    reader.visit_file(&syn::parse_file(text).unwrap());
    let seen = |names: &BTreeSet<Vec<String>>| names.iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(
        seen(&reader.names),
        ["git::url::inner::T", "outcome::Fault::User", "policy", "step", "text::line", "text::self"]
    );
    assert_eq!(seen(&reader.test_names), ["git::limits", "redact::x"]);
}
