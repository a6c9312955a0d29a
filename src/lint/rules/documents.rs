//! Mistakes of whole documents.

use super::super::events;
use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given};
use crate::manifest::documents::Document;
use crate::templates::KINDS;
use crate::text;

/// Keys that a map has twice.
pub(super) fn repeated_keys<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    found.extend(given.documents.iter().flat_map(|(object, document)| repeated(object, document)));
}

/// Keys that a map of a document has twice.
pub(super) fn repeated<'a>(
    object: &'a ArgoObject<'a>,
    document: &Document,
) -> impl Iterator<Item = RuleMatch<'a>> {
    document.repeated.iter().map(move |(pointer, span)| {
        let key = pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
        RuleMatch {
            object,
            template: String::new(),
            pointer: pointer.clone(),
            at: At::Span(span.clone()),
            severity: DiagnosticLevel::Error,
            problem: format!("the key `{key}` is here for the second time"),
            help: "a map has each key once; remove one, or write both values under it".to_owned(),
        }
    })
}

/// Objects of Argo with a kind that is like one that is checked.
pub(super) fn unknown_kinds<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    for (object, kind) in &given.strangers {
        let near = text::near(kind, KINDS.iter().map(|(kind, _)| *kind).chain(events::KINDS));
        let Some(meant) = near.first() else { continue };
        found.push(RuleMatch {
            object,
            template: String::new(),
            pointer: format!("{}/kind", object.root),
            at: At::Value,
            severity: DiagnosticLevel::Error,
            problem: format!("Argo has no kind `{kind}` (did you mean `{meant}`?)"),
            help: "the object is not checked otherwise".to_owned(),
        });
    }
}
