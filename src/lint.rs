//! Checks Argo's objects in files, without a cluster: bytes in, findings out, no I/O.
//!
//! The parser of [`step`](crate::step) judges the steps, so what this room accepts is what the plugin accepts. The other
//! rules find what the API server, Argo's controllers, `argo lint` and `argo-events lint` let through. `rules` is the table
//! of the rules; `objects` has the objects that they judge, and `events` those of Argo Events.

mod catalogue;
mod events;
mod expression;
mod finding;
mod objects;
mod rules;
mod sample;
mod scope;

pub use catalogue::read_catalogue;
pub use finding::{Diagnostic, DiagnosticLevel};
pub use rules::{LintRule, RULES};

use crate::manifest::EditError;
use crate::manifest::documents;

use objects::{Given, InputFile};
use rules::Find;

/// A file to check.
#[derive(Debug)]
pub struct LintInput {
    /// The name of the file in findings.
    pub name: String,
    /// The content.
    pub bytes: Vec<u8>,
    /// Whether the user named the file. A file that was found in a directory is passed over if it is neither YAML nor
    /// about Argo.
    pub is_named: bool,
}

/// The result of [`lint`].
#[derive(Debug, Default)]
pub struct LintReport {
    /// What was found, in the order of the files and of the lines.
    pub findings: Vec<Diagnostic>,
    /// The number of objects that were checked.
    pub objects: usize,
    /// The number of documents that are no object that is checked.
    pub passed_over: usize,
}

impl LintReport {
    /// The number of findings of `severity`.
    pub fn count(&self, severity: DiagnosticLevel) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// What a file that mentions Argo has in it.
const ARGO: &[u8] = b"argoproj.io";

/// Checks all documents of the files, and the references between them.
pub fn lint(sources: &[LintInput]) -> LintReport {
    let mut report = LintReport::default();
    let mut files = Vec::new();
    for (n, source) in sources.iter().enumerate() {
        match documents::documents(&source.bytes) {
            Ok((text, documents)) => files.push(InputFile::new(n, text, documents)),
            Err(_) if !source.is_named && !source.bytes.windows(ARGO.len()).any(|part| part == ARGO) => {
                report.passed_over += 1;
            }
            Err(error) => report.findings.push(unreadable(source, &error)),
        }
    }
    let given = Given::of(&files);
    report.objects = given.objects.len() + given.events.len() + given.catalogues.len();
    report.passed_over += given.passed_over;
    let steps = rules::judged_steps(&given);
    for rule in RULES {
        let mut found = Vec::new();
        match rule.find {
            Find::Files => {}
            Find::Objects(find) => find(&given, &mut found),
            Find::Steps(find) => find(&steps, &mut found),
        }
        report.findings.extend(found.into_iter().map(|found| found.finding(rule.name, sources, &files)));
    }
    let order = |name: &str| sources.iter().position(|source| source.name == name);
    report.findings.sort_by_cached_key(|finding| (order(&finding.file), finding.start, finding.rule));
    report
}

/// The finding for a file that is no YAML.
fn unreadable(source: &LintInput, error: &EditError) -> Diagnostic {
    let text = String::from_utf8_lossy(&source.bytes);
    finding::of_file(source, &text, error)
}
