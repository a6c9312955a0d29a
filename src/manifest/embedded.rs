//! YAML inside a text, such as `values: |`. The same editor edits it, and the result is written back line by line.

use super::error::{EditError, Position, Refusal};
use super::file::File;
use super::lookup::{self, Found};
use super::parser::{Kind, Style};
use super::path::Path;
use super::reach::{self, ScalarRequest};
use super::splice::{Expect, Splice};
use super::{Change, Edit, Target, addresses, apply, lines, quote, scalar, shared, trail};

/// A text to edit, and the label for error messages.
pub(super) struct TextRequest<'a> {
    pub(super) edit: &'a Edit,
    /// The edit's target within the text.
    pub(super) inner: Target,
    /// What is written before paths within the text.
    pub(super) written: &'a str,
    pub(super) label: &'a str,
}

/// The splice that sets the scalar at `path`, which may lead into a text.
pub(super) fn scalar(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    match path.split_text() {
        Some((text, inner)) => at(file, starts, &text, Target::Helm(inner), edit, label),
        None => reach::scalar(file, starts, path, &ScalarRequest { edit, label, typed: true }),
    }
}

/// The splice for an edit in the text at `path`.
pub(super) fn at(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    inner: Target,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let found = lookup::one(&file.stream, starts, path, label)?;
    plan(file, &found, &TextRequest { edit, inner, written: &format!("{path}|"), label })
}

/// The splice for an edit in the text at `found`.
pub(super) fn plan(
    file: &File<'_>,
    found: &Found,
    request: &TextRequest<'_>,
) -> Result<Vec<Splice>, EditError> {
    let TextRequest { edit, inner, label, .. } = request;
    let place = file.stream.place(found.node);
    shared::check(&file.stream, found).map_err(|stop| stop.at(label))?;
    let origin = Origin::of(file, found.node).map_err(|refusal| refusal.at(place, label))?;
    let value = file.stream.scalar(found.node).unwrap_or_default();
    let inner = Edit { target: inner.clone(), ..(*edit).clone() };
    file.addresses.inside(&file.stream, found, addresses(value.as_bytes(), &inner.target));
    let edited =
        apply(value.as_bytes(), &[inner]).map_err(|error| outer(file, found, error, &origin, request))?;
    file.addresses.inside(&file.stream, found, edited.addresses.iter().cloned());
    for warning in &edited.warnings {
        file.notes.add(origin.moved(warning.place), format!("in the text of `{label}`, {}", warning.text));
    }
    let Some(change) = edited.changes.into_iter().next() else { return Ok(Vec::new()) };
    let line = origin.moved(Position { line: change.line, column: 1 }).line;
    let change = Change { path: (*label).to_owned(), line, ..change };
    shared::note(file, found, label);
    let new = String::from_utf8_lossy(&edited.bytes).into_owned();
    origin
        .splice(file, found, new, change)
        .map(|splice| vec![splice])
        .map_err(|refusal| refusal.at(place, label))
}

/// Where a text is written.
enum Origin<'a> {
    /// After `|`, which is on this line, with each line indented by these columns.
    Lines { value: &'a str, line: usize, indent: usize },
    /// In quotes, which begin at this position.
    Quotes { value: &'a str, start: Position, style: Style },
}

impl<'a> Origin<'a> {
    fn of(file: &'a File<'_>, node: usize) -> Result<Self, Refusal> {
        let start = file.stream.place(node);
        match file.stream.kind(node) {
            Kind::Scalar { value, style: Style::Literal, .. } => {
                let indent = lines::indentation(file, node, value).unwrap_or_default();
                Ok(Self::Lines { value, line: start.line, indent })
            }
            Kind::Scalar { value, style, .. } => {
                let written = quote::text(value, *style).ok_or(Refusal::NotLiteral)?;
                let raw = &file.text[file.stream.event(node).span.clone()];
                let is_so = raw.ends_with(&written);
                if is_so {
                    Ok(Self::Quotes { value, start, style: *style })
                } else {
                    Err(Refusal::NotLiteral)
                }
            }
            Kind::MappingStart { .. } => Err(Refusal::Collection { kind: "mapping" }),
            Kind::SequenceStart { .. } => Err(Refusal::Collection { kind: "list" }),
            Kind::Alias(name) => Err(Refusal::Alias { name: name.to_string() }),
            _ => Err(Refusal::NotLiteral),
        }
    }

    /// The position in the file of a position in the text.
    fn moved(&self, inner: Position) -> Position {
        match self {
            Self::Lines { line, indent, .. } => {
                Position { line: inner.line + line, column: inner.column + indent }
            }
            Self::Quotes { value, start, style } => {
                let lines = value.split_inclusive('\n').take(inner.line - 1).map(|line| line.chars().count());
                let before = lines.sum::<usize>() + inner.column - 1;
                let before: String = value.chars().take(before).collect();
                let written = quote::text(&before, *style).unwrap_or_default().chars().count();
                // One of the two quotes stands before the position.
                Position { line: start.line, column: start.column + written.saturating_sub(1) }
            }
        }
    }

    fn splice(&self, file: &File<'_>, found: &Found, new: String, change: Change) -> Result<Splice, Refusal> {
        match self {
            Self::Lines { value, .. } => {
                lines::set(file, found.node, value, new, change).ok_or(Refusal::OddBlock)
            }
            Self::Quotes { style, .. } => {
                let written = quote::text(&new, *style).ok_or(Refusal::NotLiteral)?;
                let (range, text) = scalar::bytes(file, found, written)?;
                Ok(Splice { range, text, expect: Expect::Whole { node: found.node, value: new }, change })
            }
        }
    }
}

/// Converts an error of the text to an error of the file.
fn outer(
    file: &File<'_>,
    found: &Found,
    error: EditError,
    origin: &Origin<'_>,
    request: &TextRequest<'_>,
) -> EditError {
    let label = request.label;
    let moved = |inner: Position| origin.moved(inner);
    match error {
        EditError::Refused { place, refusal, .. } => {
            let text = trail::path(&file.stream, &found.around, found.node).to_string();
            refusal.moved(&moved, &text, request.written).at(moved(place), label)
        }
        EditError::File { place, problem } => {
            let problem = problem.moved(&moved);
            Refusal::Inside { problem: format!("the text {problem}") }.at(moved(place), label)
        }
        EditError::Value { value, reason, .. } => EditError::Value { path: label.to_owned(), value, reason },
        other => other,
    }
}
