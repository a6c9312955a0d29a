//! Properties over random YAML: an edit changes its scalar, no other event, and no byte outside it.

use proptest::prelude::*;

use super::super::parser::{self, Kind};
use super::super::{Edit, Path, Target, apply};
use super::helm;
use crate::manifest::path::Segment;

/// A YAML file, and the path and the value of each of its scalars.
#[derive(Debug, Clone)]
struct File {
    text: String,
    scalars: Vec<(Path, String)>,
}

#[derive(Debug, Clone)]
enum Node {
    /// The bytes, and the string they mean.
    Scalar(String, String),
    Null,
    List(Vec<Node>, bool),
    /// Items that differ by their `name`, always written as blocks.
    Named(Vec<(String, Node)>),
    Map(Vec<(String, Node, String)>, bool),
}

fn scalar() -> impl Strategy<Value = Node> {
    let plain = "[a-z0-9/][a-z0-9/._-]{0,10}".prop_map(|s| Node::Scalar(s.clone(), s));
    let single = "[ -~é日🎉]{0,12}".prop_filter("template", |s| !s.contains("{{"));
    let single = single.prop_map(|s| Node::Scalar(format!("'{}'", s.replace('\'', "''")), s));
    let double = "[ !#-\\[\\]-~ü]{0,12}".prop_filter("template", |s| !s.contains("{{"));
    let double = double.prop_map(|s| Node::Scalar(format!("\"{s}\""), s));
    prop_oneof![4 => plain, 2 => single, 2 => double, 1 => Just(Node::Null)]
}

fn comment() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => " {1,3}# [a-z :'\"{\\[]{0,10}"]
}

fn node() -> impl Strategy<Value = Node> {
    scalar().prop_recursive(4, 40, 5, |inner| {
        let key = prop_oneof![4 => "[a-z]{1,5}", 1 => "\"[a-z. ]{1,5}\""];
        let pairs = prop::collection::vec((key, inner.clone(), comment()), 1..5).prop_map(distinct);
        let named =
            prop::collection::vec(("[a-z]{1,4}/[a-z]{1,3}", inner.clone()), 1..4).prop_map(distinct_names);
        prop_oneof![
            (prop::collection::vec(inner, 1..4), any::<bool>())
                .prop_map(|(items, flow)| Node::List(items, flow)),
            named.prop_map(Node::Named),
            (pairs, any::<bool>()).prop_map(|(pairs, flow)| Node::Map(pairs, flow)),
        ]
    })
}

fn distinct(mut pairs: Vec<(String, Node, String)>) -> Vec<(String, Node, String)> {
    let mut seen = std::collections::HashSet::new();
    pairs.retain(|(key, ..)| seen.insert(key.trim_matches('"').to_owned()));
    pairs
}

fn distinct_names(mut items: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let mut seen = std::collections::HashSet::new();
    items.retain(|(name, _)| seen.insert(name.clone()));
    items
}

struct Writer {
    file: File,
    newline: &'static str,
}

impl Writer {
    fn flow(&mut self, node: &Node, path: &[Segment]) {
        match node {
            Node::Scalar(written, value) => {
                self.note(path, value);
                self.file.text.push_str(written);
            }
            Node::Null => {
                self.note(path, "~");
                self.file.text.push('~');
            }
            Node::List(items, _) => {
                self.file.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    self.file.text.push_str(if at > 0 { ", " } else { "" });
                    self.flow(item, &with(path, Segment::Index(at)));
                }
                self.file.text.push(']');
            }
            Node::Named(items) => {
                let items: Vec<Node> = items.iter().map(|(_, item)| item.clone()).collect();
                self.flow(&Node::List(items, true), path);
            }
            Node::Map(pairs, _) => {
                self.file.text.push_str("{ ");
                for (at, (key, value, _)) in pairs.iter().enumerate() {
                    self.file.text.push_str(if at > 0 { ", " } else { "" });
                    self.file.text.push_str(key);
                    self.file.text.push_str(": ");
                    self.flow(value, &with(path, key_of(key)));
                }
                self.file.text.push('}');
            }
        }
    }

    /// Writes a node after `key:` or `-`, and ends its line.
    fn block(&mut self, node: &Node, path: &[Segment], indent: usize, comment: &str) {
        let margin = format!("{}{}", self.newline, " ".repeat(indent));
        match node {
            Node::Null => {
                self.note(path, "");
                self.file.text.push_str(comment);
            }
            Node::List(items, false) => {
                self.file.text.push_str(comment);
                for (at, item) in items.iter().enumerate() {
                    self.file.text.push_str(&format!("{margin}-"));
                    self.block(item, &with(path, Segment::Index(at)), indent + 2, "");
                }
            }
            Node::Map(pairs, false) => {
                self.file.text.push_str(comment);
                for (key, value, comment) in pairs {
                    self.file.text.push_str(&format!("{margin}{key}:"));
                    self.block(value, &with(path, key_of(key)), indent + 2, comment);
                }
            }
            Node::Named(items) => {
                self.file.text.push_str(comment);
                for (name, item) in items {
                    self.file.text.push_str(&format!("{margin}- name: {name}{margin}  value:"));
                    let item_path = with(path, Segment::Item { field: "name".into(), value: name.clone() });
                    self.block(item, &with(&item_path, Segment::Key("value".into())), indent + 4, "");
                }
            }
            flow => {
                self.file.text.push(' ');
                self.flow(flow, path);
                self.file.text.push_str(comment);
            }
        }
    }

    fn note(&mut self, path: &[Segment], value: &str) {
        self.file.scalars.push((Path::new(path.to_vec()), value.to_owned()));
    }
}

fn with(path: &[Segment], segment: Segment) -> Vec<Segment> {
    [path, &[segment]].concat()
}

fn key_of(key: &str) -> Segment {
    Segment::Key(key.trim_matches('"').to_owned())
}

fn file() -> impl Strategy<Value = File> {
    let head = prop_oneof![Just(""), Just("\u{feff}"), Just("# head\n"), Just("---\n"), Just("x: y\n---\n")];
    (node(), head, any::<bool>(), any::<bool>()).prop_map(|(node, head, crlf, ends)| {
        let newline = if crlf { "\r\n" } else { "\n" };
        let text = format!("{}r:", head.replace('\n', newline));
        let mut writer = Writer { file: File { text, scalars: Vec::new() }, newline };
        writer.block(&node, &[Segment::Key("r".into())], 2, "");
        writer.file.text.push_str(if ends { newline } else { "" });
        writer.file
    })
}

fn value() -> impl Strategy<Value = String> {
    let any = "[ -~éß日🎉]{0,16}";
    let any = any.prop_filter("template", |s| !s.contains("{{"));
    prop_oneof![4 => any, 2 => "[0-9a-fx._+:eE-]{1,8}", 2 => "v[0-9]\\.[0-9]", 1 => "(yes|~|null|=|<<|\\.inf)"]
}

fn kinds(text: &str) -> Vec<Kind> {
    parser::parse(text.trim_start_matches('\u{feff}')).unwrap().into_iter().map(|event| event.kind).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_edit_sets_its_scalar_and_nothing_else(file in file(), value in value(), pick in any::<prop::sample::Index>()) {
        let (path, _) = pick.get(&file.scalars);
        let edit = Edit::new(Target::Helm(path.clone()), value.clone());
        let edited = apply(file.text.as_bytes(), std::slice::from_ref(&edit)).unwrap();
        let text = String::from_utf8(edited.bytes.clone()).unwrap();

        // Independent of the room's own proof: at most one event differs, and that event holds the value.
        let (before, after) = (kinds(&file.text), kinds(&text));
        prop_assert_eq!(before.len(), after.len());
        let differ: Vec<_> = before.iter().zip(&after).filter(|(b, a)| b != a).collect();
        prop_assert!(differ.len() <= 1);
        for (_, after) in differ {
            let holds = matches!(after, Kind::Scalar { value: now, .. } if **now == *value);
            prop_assert!(holds);
        }

        // A second run changes nothing, so the value is read back as that string.
        let again = apply(&edited.bytes, &[edit]).unwrap();
        prop_assert!(!again.changed);
        prop_assert_eq!(again.bytes, edited.bytes);
        prop_assert_eq!(text.lines().count(), file.text.lines().count());
    }

    #[test]
    fn the_old_string_is_the_identity(file in file(), pick in any::<prop::sample::Index>()) {
        let (path, old) = pick.get(&file.scalars);
        let edited = apply(file.text.as_bytes(), &[Edit::new(Target::Helm(path.clone()), old.clone())]).unwrap();
        if edited.changed {
            // Only a plain scalar that is not a string is rewritten, in quotes.
            prop_assert!(!super::super::quote::is_plain_string(old));
        } else {
            prop_assert_eq!(edited.bytes, file.text.as_bytes());
        }
    }

    #[test]
    fn all_scalars_at_once(file in file(), value in value()) {
        let edits: Vec<_> =
            file.scalars.iter().map(|(path, _)| Edit::new(Target::Helm(path.clone()), value.clone())).collect();
        let together = apply(file.text.as_bytes(), &edits).unwrap().bytes;
        let one_by_one = edits.iter().fold(file.text.into_bytes(), |bytes, edit| {
            apply(&bytes, std::slice::from_ref(edit)).unwrap().bytes
        });
        prop_assert_eq!(together, one_by_one);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = apply(&bytes, &[helm("a.b", "c")]);
    }

    #[test]
    fn no_yaml_soup_panics(text in "([ab]|[:?,#&*!|>'\"%@\\[\\]{}~-]|  |\n|\r|\t|a: |- |\\? |---\n|<<: |[\u{85}\u{2028}\u{feff}é]){0,60}") {
        let new = ["a.z", "b.z.y", "z", "a[x=y].z"].map(|path| Edit { create: true, ..helm(path, "c d") });
        let old = ["a", "a.b", "[0]", "a[0]", "b[a=b].a"].map(|path| helm(path, "c d"));
        let more = ["image:a=b:c", "object:a/b:a=c", "container:a/b:a=c:d", "parameter:a=b", "values:a.b=c"];
        let more = more.into_iter().flat_map(|text| [super::edit(text), super::create(text)]);
        let parts = ["a[+]", "[+]", "a.b[+]", "a~\"(.+)\"", "a.b~\"([a-z])\"", "a|b", "a|b[+]"];
        let parts = parts.map(|path| Edit { create: true, ..helm(path, "c d") });
        let shared = ["a", "a.b", "b.a", "a[0]", "a[+]", "a|b"].map(|path| Edit { shared: true, ..helm(path, "c") });
        for edit in old.into_iter().chain(new).chain(more).chain(parts).chain(shared) {
            // A refusal is fine. A failed proof means that a splice was made at the wrong position.
            let result = apply(text.as_bytes(), std::slice::from_ref(&edit));
            let unproven = matches!(result, Err(crate::manifest::EditError::Unproven { .. }));
            prop_assert!(!unproven, "{} in {text:?}", edit.target);
            if let Ok(edited) = result {
                let again = apply(&edited.bytes, std::slice::from_ref(&edit)).map(|again| again.changed);
                prop_assert_eq!(again, Ok(false), "{} in {:?}", edit.target, text);
            }
        }
    }

    #[test]
    fn a_new_key_is_added_and_nothing_else(file in file(), value in value(), pick in any::<prop::sample::Index>()) {
        let (path, _) = pick.get(&file.scalars);
        let parent = &path.segments()[..path.segments().len() - 1];
        let new = ["new", "deep"].map(|key| Segment::Key(key.into()));
        let path = Path::new([parent, &new].concat());
        let edit = Edit { create: true, ..Edit::new(Target::Helm(path), value) };
        match apply(file.text.as_bytes(), std::slice::from_ref(&edit)) {
            Ok(edited) => {
                let text = String::from_utf8(edited.bytes.clone()).unwrap();
                prop_assert_eq!(kinds(&text).len(), kinds(&file.text).len() + 5);
                prop_assert!(!apply(&edited.bytes, &[edit]).unwrap().changed);
            }
            Err(error) => prop_assert_eq!(error.fault(), crate::outcome::Fault::User, "{}", error),
        }
    }
}
