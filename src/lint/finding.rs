//! A finding, with its place.

use std::collections::BTreeMap;
use std::ops::Range;

use super::objects::{ArgoObject, InputFile};

use super::LintInput;
use crate::manifest::documents::{Spot, position};
use crate::manifest::{EditError, FileProblem, Position};

/// The rule of files that are no YAML. It is no function of objects.
pub(super) const YAML: &str = "yaml";

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiagnosticLevel {
    /// It fails, hangs, or does something else than is written.
    Error,
    /// It may be meant.
    Warning,
}

impl DiagnosticLevel {
    /// `error` or `warning`, as SARIF writes them too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The name of its rule.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: DiagnosticLevel,
    /// The file.
    pub file: String,
    /// Where it begins.
    pub start: Position,
    /// Where it ends, exclusively; on the line where it begins.
    pub end: Position,
    /// The line where it begins.
    pub line: String,
    /// The object and the template, such as `WorkflowTemplate api, template build`; empty for a file that is no YAML.
    pub object: String,
    /// What is wrong.
    pub problem: String,
    /// What to do; may be empty.
    pub help: String,
}

/// What a rule found, at a value of an object.
#[derive(Debug)]
pub(super) struct RuleMatch<'a> {
    pub(super) object: &'a ArgoObject<'a>,
    /// The name of the template, or of a Sensor's trigger; empty for what is outside of them.
    pub(super) template: String,
    /// JSON pointer in the document. The value, or the nearest value around it, is shown.
    pub(super) pointer: String,
    pub(super) at: At,
    pub(super) severity: DiagnosticLevel,
    pub(super) problem: String,
    pub(super) help: String,
}

/// What is shown of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Key,
    Value,
    /// The first occurrence of this text in the value.
    Text(String),
    /// These bytes of the file.
    Span(Range<usize>),
}

impl RuleMatch<'_> {
    /// The finding, with the place in the file.
    pub(super) fn finding(
        self,
        rule: &'static str,
        sources: &[LintInput],
        files: &[InputFile<'_>],
    ) -> Diagnostic {
        let file = &files[self.object.file];
        let (spot, is_exact) = nearest(&file.documents[self.object.document].spots, &self.pointer);
        let span = match (&self.at, spot) {
            (At::Span(span), _) => span.clone(),
            (_, None) => 0..0,
            (At::Text(part), Some(spot)) => within(file.text, &spot.value, part),
            (At::Value, Some(spot)) if is_exact && !spot.is_collection => spot.value.clone(),
            (_, Some(spot)) => spot.key.clone().unwrap_or_else(|| spot.value.clone()),
        };
        let template = match (self.template.as_str(), self.object.kind) {
            ("", _) => String::new(),
            (name, "Sensor") => format!(", trigger {name}"),
            (name, _) => format!(", template {name}"),
        };
        let name = sources[file.number].name.clone();
        let object = crate::text::line(&format!("{} {}{template}", self.object.kind, self.object.name));
        let found = (self.problem, self.help);
        Diagnostic { severity: self.severity, object, ..placed(rule, name, file.text, span, found) }
    }
}

/// The place of `part` in a value, or the value.
fn within(text: &str, value: &Range<usize>, part: &str) -> Range<usize> {
    let found = text.get(value.clone()).and_then(|shown| shown.find(part));
    found.map_or_else(|| value.clone(), |at| value.start + at..value.start + at + part.len())
}

/// The spot at `pointer`, or that of the nearest value around it.
fn nearest<'a>(spots: &'a BTreeMap<String, Spot>, pointer: &str) -> (Option<&'a Spot>, bool) {
    let mut shorter = pointer;
    loop {
        match (spots.get(shorter), shorter.rfind('/')) {
            (Some(spot), _) => return (Some(spot), shorter.len() == pointer.len()),
            (None, Some(at)) => shorter = &shorter[..at],
            (None, None) => return (None, false),
        }
    }
}

/// The finding for a file that is no YAML.
pub(super) fn of_file(source: &LintInput, text: &str, error: &EditError) -> Diagnostic {
    let EditError::File { place, problem } = error else {
        return placed(YAML, source.name.clone(), text, 0..0, split(&error.to_string()));
    };
    let said = match problem {
        FileProblem::Template => (
            "an unquoted `{{` begins a map in YAML".to_owned(),
            "write the value in quotes; of a Helm template, lint what `helm template` prints".to_owned(),
        ),
        other => split(&format!("the file {other}")),
    };
    let start = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum::<usize>();
    let line = text[start..].lines().next().unwrap_or_default();
    let before: usize = line.chars().take(place.column - 1).map(char::len_utf8).sum();
    placed(YAML, source.name.clone(), text, start + before..start + before + 1, said)
}

/// What is wrong, and what to do, of a message that has both.
pub(super) fn split(message: &str) -> (String, String) {
    let (problem, help) = message.split_once("; ").unwrap_or((message, ""));
    (problem.to_owned(), help.to_owned())
}

/// A finding at a place of a text.
pub(super) fn placed(
    rule: &'static str,
    file: String,
    text: &str,
    span: Range<usize>,
    (problem, help): (String, String),
) -> Diagnostic {
    let start = text.floor_char_boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].split(['\n', '\r']).next().unwrap_or_default();
    let end = text.floor_char_boundary(span.end.clamp(start, (line_start + line.len()).max(start)));
    let (start, mut end) = (position(text, start), position(text, end));
    if end <= start {
        end = Position { line: start.line, column: start.column + 1 };
    }
    Diagnostic {
        rule,
        severity: DiagnosticLevel::Error,
        file,
        start,
        end,
        line: line.to_owned(),
        object: String::new(),
        problem: crate::text::line(&problem),
        help: crate::text::line(&help),
    }
}
