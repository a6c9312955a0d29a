//! Checks that every error says what to do: in its own text, in a field for advice, or in an error that it contains.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Fields, ItemEnum, ItemStruct};

/// Errors without advice, and the reason why they need none. An entry that is not needed fails the test.
const WITHOUT: &[(&str, &str)] = &[
    ("BadBinding", "stands in `SecretRefused::Unreadable`, which says whose turn it is"),
    ("BodyError", "stands in the error of the client that read the answer"),
    ("Late", "stands in the error of the client that waited"),
    ("NoCluster", "stands in `KubeError::NoCluster`, and in findings of `check`, which say what to do"),
    ("NotCanonical", "stands in `Refused::NotCanonical` and in messages on the policy's file"),
    ("ReadError::Forbidden", "`check` says what to do, by what it wanted to know"),
    ("ReadError::NoSuchKind", "`check` says what to do, by what it wanted to know"),
    ("ReportError::Gone", "nobody reads it: nobody waits for the result any more"),
    ("TargetError::Form", "names the form to write"),
    ("TooMuch", "stands in errors that know what the memory was for"),
];

/// Words that begin advice, at the beginning of a clause.
const VERBS: &[&str] = &[
    "add",
    "apply",
    "ask",
    "check",
    "compare",
    "correct",
    "create",
    "edit",
    "expected",
    "give",
    "grant",
    "have",
    "is it",
    "its owner",
    "let",
    "look",
    "make",
    "mount",
    "must",
    "name",
    "one must",
    "it must",
    "push",
    "put",
    "raise",
    "remove",
    "report",
    "run",
    "save",
    "set",
    "shorten",
    "so run",
    "try",
    "unarchive",
    "use",
    "write",
    "leave",
    "please report",
    "the agent will ask again",
    "push",
    "there are",
];

/// Fields and functions that contain advice.
const CARRIERS: &[&str] = &["mend", "hint", "found", "message", "listed"];

/// Phrases in the documentation of fields that contain advice.
const CARRIED: &[&str] = &["what to do", "what to write", "what to check"];

/// The text of one error.
struct ErrorText {
    /// `Enum::Variant`, or the name of a struct.
    name: String,
    text: String,
    /// The words of the attribute, except the text.
    words: BTreeSet<String>,
    /// The fields, with the names of their types and their documentation.
    fields: BTreeMap<String, (BTreeSet<String>, String)>,
}

#[derive(Default)]
pub(super) struct Errors {
    told: Vec<ErrorText>,
    /// All types with such texts, and those that only contain another error.
    types: BTreeSet<String>,
}

impl Errors {
    fn read() -> Self {
        Self::below("")
    }

    /// The errors of one room.
    pub(super) fn below(room: &str) -> Self {
        let (mut errors, mut files) = (Self::default(), Vec::new());
        super::sources(&super::src().join(room), &mut files);
        for file in files {
            errors.visit_file(&syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap());
        }
        errors
    }

    /// The name and the text of each error.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.told.iter().map(|told| (told.name.as_str(), told.text.as_str()))
    }

    fn take(&mut self, attributes: &[Attribute], name: String, of: &str, fields: &Fields) {
        let Some(attribute) = attributes.iter().find(|each| each.path().is_ident("error")) else { return };
        self.types.insert(of.to_owned());
        let tokens: TokenStream = attribute.parse_args().unwrap();
        let mut tokens = tokens.into_iter().peekable();
        let Some(TokenTree::Literal(literal)) = tokens.next() else { return };
        let text: syn::LitStr = syn::parse_str(&literal.to_string()).unwrap();
        let (mut words, mut each) = (BTreeSet::new(), BTreeMap::new());
        idents(tokens.collect(), &mut words);
        for (n, field) in fields.iter().enumerate() {
            let name = field.ident.as_ref().map_or_else(|| n.to_string(), ToString::to_string);
            let mut types = BTreeSet::new();
            let kind = &field.ty;
            idents(quoted(kind), &mut types);
            each.insert(name, (types, documented(&field.attrs)));
        }
        self.told.push(ErrorText { name, text: text.value(), words, fields: each });
    }
}

impl Visit<'_> for Errors {
    fn visit_item_enum(&mut self, item: &ItemEnum) {
        let name = item.ident.to_string();
        for variant in &item.variants {
            self.take(&variant.attrs, format!("{name}::{}", variant.ident), &name, &variant.fields);
        }
        visit::visit_item_enum(self, item);
    }

    fn visit_item_struct(&mut self, item: &ItemStruct) {
        let name = item.ident.to_string();
        self.take(&item.attrs, name.clone(), &name, &item.fields);
        visit::visit_item_struct(self, item);
    }
}

/// The path of a type as tokens. Only the names in it are needed.
fn quoted(kind: &syn::Type) -> TokenStream {
    struct Names(TokenStream);
    impl Visit<'_> for Names {
        fn visit_ident(&mut self, name: &syn::Ident) {
            self.0.extend([TokenTree::Ident(name.clone())]);
        }
    }
    let mut names = Names(TokenStream::new());
    names.visit_type(kind);
    names.0
}

fn idents(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => drop(found.insert(name.to_string())),
            TokenTree::Group(group) => idents(group.stream(), found),
            _ => {}
        }
    }
}

fn documented(attributes: &[Attribute]) -> String {
    let docs = attributes.iter().filter(|each| each.path().is_ident("doc"));
    let text = docs.filter_map(|each| match &each.meta {
        syn::Meta::NameValue(pair) => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    text.collect::<Vec<_>>().join(" ")
}

impl ErrorText {
    /// The names in `{…}` in the text.
    fn placeholders(&self) -> BTreeSet<&str> {
        let text = self.text.split('{').skip(1).filter_map(|rest| rest.split(['}', ':']).next());
        text.chain(self.words.iter().map(String::as_str)).collect()
    }

    fn says_itself(&self) -> bool {
        let constants = [("{AGAIN}", argo_buildkit::outcome::AGAIN)];
        let text = constants.iter().fold(self.text.clone(), |text, (name, said)| text.replace(name, said));
        let begins = |clause: &str| {
            let clause = clause.trim_start().to_ascii_lowercase();
            VERBS.iter().any(|verb| {
                clause
                    .strip_prefix(verb)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ',', '`']))
            })
        };
        let after = ["; ", ": ", ", ", ". ", "? ", "("];
        let clauses =
            after.iter().flat_map(|mark| text.match_indices(mark).map(|(at, mark)| at + mark.len()));
        clauses.filter_map(|at| text.get(at..)).any(begins)
    }

    fn is_carried(&self, types: &BTreeSet<String>) -> bool {
        let named = self.placeholders();
        let carries = |name: &str| CARRIERS.contains(&name);
        let documented = |name: &str| {
            let field = self.fields.get(name);
            field.is_some_and(|(kinds, text)| {
                CARRIED.iter().any(|words| text.contains(words))
                    || kinds.iter().any(|kind| types.contains(kind))
            })
        };
        named.iter().any(|name| carries(name) || documented(name))
    }
}

#[test]
fn every_error_says_what_to_do() {
    let errors = Errors::read();
    assert!(errors.told.len() > 100, "the sources have {} texts", errors.told.len());
    let on_the_list = |told: &ErrorText| {
        let of = told.name.split("::").next();
        WITHOUT.iter().find(|(name, _)| *name == told.name || Some(*name) == of)
    };
    // An error without advice does not count as advice for an error that contains it.
    let silent: BTreeSet<_> = WITHOUT.iter().map(|(name, _)| *name).collect();
    let types = errors.types.iter().filter(|name| !silent.contains(name.as_str())).cloned().collect();
    let (helpful, silent): (Vec<_>, Vec<_>) =
        errors.told.iter().partition(|told| told.says_itself() || told.is_carried(&types));
    let wrong: Vec<_> = silent.iter().filter(|told| on_the_list(told).is_none()).collect();
    let wrong: Vec<_> = wrong.iter().map(|told| format!("{}: {}", told.name, told.text)).collect();
    assert!(wrong.is_empty(), "these do not say what to do: {wrong:#?}");
    let needed: BTreeSet<_> = silent.iter().filter_map(|told| on_the_list(told)).collect();
    let needless: Vec<_> = WITHOUT.iter().filter(|entry| !needed.contains(entry)).collect();
    assert!(needless.is_empty(), "these need not be on the list: {needless:#?}");
    assert!(helpful.len() > 100, "{}", helpful.len());
}

/// Names of variants for failures that a caller retries by itself, or is told to retry.
const PASSING: &[&str] = &["Unavailable", "Conflict", "Remote", "Unreachable"];

#[test]
fn what_may_pass_says_that_and_what_to_look_at_when_it_does_not() {
    let errors = Errors::read();
    let passing = errors
        .told
        .iter()
        .filter(|told| PASSING.iter().any(|name| told.name.ends_with(&format!("::{name}"))));
    let told: Vec<_> = passing.collect();
    assert!(told.len() > 5, "{}", told.len());
    for told in told {
        let text = told.text.replace("{AGAIN}", argo_buildkit::outcome::AGAIN);
        let complete = text.contains("again") && text.contains("if it stays so");
        // Only `check` shows this text, and the user runs it again in any case.
        assert!(complete || told.name == "ReadError::Unavailable", "{}: {text}", told.name);
    }
}
