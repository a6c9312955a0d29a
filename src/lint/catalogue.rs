//! One catalogue, which is read and whose mistakes are findings.

use super::finding::RuleMatch;
use super::objects::{CATALOGUE, InputFile, catalogue_object};
use super::rules::catalogue::{placed, repeated};
use super::{LintInput, LintReport, unreadable};
use crate::catalogue::{self, Catalogue, CatalogueProblem, KnownTemplates};
use crate::manifest::documents;

/// Reads the catalogue in a file.
///
/// # Errors
///
/// All mistakes in it.
pub fn read_catalogue(source: &LintInput, templates: &KnownTemplates) -> Result<Catalogue, LintReport> {
    let (text, documents) = match documents::documents(&source.bytes) {
        Ok(read) => read,
        Err(error) => {
            return Err(LintReport { findings: vec![unreadable(source, &error)], ..LintReport::default() });
        }
    };
    let files = [InputFile::new(0, text, documents)];
    let documents = || files[0].documents.iter().enumerate().filter(|(_, one)| !one.value.is_null());
    let Some((number, document)) = documents().next() else {
        return Err(empty(source));
    };
    let object = catalogue_object((0, number), &document.value);
    let mut matches: Vec<(&'static str, RuleMatch<'_>)> = Vec::new();
    matches.extend(repeated(&object, document).into_iter().map(|one| ("repeated-key", one)));
    let read = catalogue::read(&document.value, templates);
    let further = documents().nth(1).map(|_| CatalogueProblem::several());
    let problems = further.into_iter().chain(read.as_ref().err().into_iter().flatten().cloned());
    matches.extend(problems.map(|problem| (CATALOGUE, placed(&object, problem))));
    let sources = std::slice::from_ref(source);
    let mut findings: Vec<_> =
        matches.into_iter().map(|(rule, one)| one.finding(rule, sources, &files)).collect();
    findings.sort_by_key(|finding| finding.start);
    match read {
        Ok(catalogue) if findings.is_empty() => Ok(catalogue),
        _ => Err(LintReport { findings, objects: 1, passed_over: 0 }),
    }
}

/// The report of a file without a document.
fn empty(source: &LintInput) -> LintReport {
    let text = String::from_utf8_lossy(&source.bytes);
    let problem = ("the file is empty".to_owned(), "write `namespace`, `hook` and `services`".to_owned());
    let finding = super::finding::placed(CATALOGUE, source.name.clone(), &text, 0..0, problem);
    LintReport { findings: vec![finding], ..LintReport::default() }
}
