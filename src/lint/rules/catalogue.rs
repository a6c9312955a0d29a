//! Mistakes in a catalogue of services.

use super::super::finding::{At, DiagnosticLevel, RuleMatch};
use super::super::objects::{ArgoObject, Given};
use crate::catalogue::{self, CatalogueProblem, KnownTemplates, ProblemPlace};
use crate::manifest::documents::Document;

/// The mistakes of all catalogues. The templates of the other files count as known.
pub(super) fn mistakes<'a>(given: &'a Given<'a>, found: &mut Vec<RuleMatch<'a>>) {
    if given.catalogues.is_empty() {
        return;
    }
    let mut templates = KnownTemplates::bundled();
    for (_, document) in &given.documents {
        templates.take(&document.value);
    }
    for (object, document) in &given.catalogues {
        let problems = catalogue::read(&document.value, &templates).err().into_iter().flatten();
        found.extend(problems.map(|problem| placed(object, problem)));
    }
}

/// A key that a catalogue has twice.
pub(in crate::lint) fn repeated<'a>(object: &'a ArgoObject<'a>, document: &Document) -> Vec<RuleMatch<'a>> {
    super::documents::repeated(object, document).collect()
}

/// The finding for a mistake.
pub(in crate::lint) fn placed<'a>(object: &'a ArgoObject<'a>, problem: CatalogueProblem) -> RuleMatch<'a> {
    RuleMatch {
        object,
        template: String::new(),
        pointer: problem.pointer,
        at: if problem.place == ProblemPlace::Key { At::Key } else { At::Value },
        severity: DiagnosticLevel::Error,
        problem: problem.problem,
        help: problem.help,
    }
}
