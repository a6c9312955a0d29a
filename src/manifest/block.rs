//! YAML inside the text of a block scalar (`values: |`). The same editor edits it, and the result is written back line by line.

use std::ops::Range;

use super::error::{EditError, Position, Refusal};
use super::file::File;
use super::lookup::{self, Found, Lookup};
use super::parser::{Kind, Style};
use super::path::Path;
use super::splice::{Expect, Splice};
use super::{Edit, Target, addresses, apply, scalar};

/// The splice for `edit` in the text at `path`. The target of `edit` inside that text is `inner`.
pub(super) fn at(
    file: &File<'_>,
    starts: Vec<Found>,
    path: &Path,
    inner: Target,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    match lookup::look(&file.stream, starts, path, label)? {
        Lookup::Found(found) => plan(file, &found, inner, edit, label),
        Lookup::MissingPath(gap) => Err(gap.refusal.at(gap.place, label)),
    }
}

/// The splice for `edit` in the text at `found`. The target of `edit` inside that text is `inner`.
pub(super) fn plan(
    file: &File<'_>,
    found: &Found,
    inner: Target,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let place = file.stream.place(found.node);
    scalar::not_shared(&file.stream, found).map_err(|stop| stop.at(label))?;
    let value = match file.stream.kind(found.node) {
        Kind::Scalar { value, style: Style::Literal, .. } => value,
        Kind::MappingStart { .. } => return Err(Refusal::Collection { kind: "mapping" }.at(place, label)),
        Kind::SequenceStart { .. } => return Err(Refusal::Collection { kind: "list" }.at(place, label)),
        _ => return Err(Refusal::NotLiteral.at(place, label)),
    };
    let indent = lines(file, found.node).and_then(|raw| indent(file, &raw, value)).unwrap_or_default();
    let moved = |inner: Position| Position { line: inner.line + place.line, column: inner.column + indent };
    let inner = Edit { target: inner, ..edit.clone() };
    file.addresses.inside(&file.stream, found, addresses(value.as_bytes(), &inner.target));
    let edited = apply(value.as_bytes(), &[inner]).map_err(|error| outer(error, &moved, label))?;
    file.addresses.inside(&file.stream, found, edited.addresses.iter().cloned());
    for warning in &edited.warnings {
        file.notes.add(moved(warning.place), format!("in the text of `{label}`, {}", warning.text));
    }
    if !edited.changed {
        return Ok(Vec::new());
    }
    let new = String::from_utf8_lossy(&edited.bytes).into_owned();
    let (range, text) =
        splice(file, found.node, value, &new).ok_or_else(|| Refusal::OddBlock.at(place, label))?;
    let mut change = edited.changes.into_iter().next().ok_or_else(|| Refusal::OddBlock.at(place, label))?;
    change.path = label.to_owned();
    change.line += place.line;
    Ok(vec![Splice { range, text, expect: Expect::Block { node: found.node, value: new }, change }])
}

/// Converts an error of the inner text to an error of the file. The text's first line follows the line of the `|`.
fn outer(error: EditError, moved: &dyn Fn(Position) -> Position, label: &str) -> EditError {
    match error {
        EditError::Refused { place, refusal, .. } => refusal.moved(moved).at(moved(place), label),
        EditError::File { place, problem } => {
            let problem = problem.moved(moved);
            Refusal::Inside { problem: format!("the text {problem}") }.at(moved(place), label)
        }
        EditError::Value { value, reason, .. } => EditError::Value { path: label.to_owned(), value, reason },
        other => other,
    }
}

/// The columns by which a block's lines are indented.
fn indent(file: &File<'_>, raw: &[Range<usize>], value: &str) -> Option<usize> {
    let lines: Vec<&str> = value.split('\n').collect();
    let first = lines.iter().position(|line| !line.is_empty())?;
    file.text[raw.get(first)?.clone()].len().checked_sub(lines[first].len())
}

/// The bytes of the block's lines that change from `old` to `new`. None if the lines do not match the value.
fn splice(file: &File<'_>, node: usize, old: &str, new: &str) -> Option<(Range<usize>, String)> {
    let raw = lines(file, node)?;
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let first = old.iter().position(|line| !line.is_empty())?;
    let indent = indent(file, &raw, &old.join("\n"))?;
    let pad = &file.text[raw[first].start..raw[first].start + indent];
    if !pad.bytes().all(|b| b == b' ') {
        return None;
    }
    let written = |line: &&str| if line.is_empty() { String::new() } else { format!("{pad}{line}") };
    let lines: Vec<String> = new[same..new.len() - tail].iter().map(written).collect();
    let text = lines.join(file.newline());
    let changed = raw.get(same..old.len() - tail)?;
    for (raw, old) in changed.iter().zip(&old[same..]) {
        if file.text[raw.clone()].get(indent..).unwrap_or_default() != *old {
            return None;
        }
    }
    match (changed.first(), changed.last()) {
        (Some(from), Some(to)) => Some((from.start..to.end, text)),
        _ => {
            let at = raw.get(same.checked_sub(1)?)?.end;
            Some((at..at, format!("{}{text}", file.newline())))
        }
    }
}

/// The lines of a block scalar after its header, without line breaks, and one empty line at the end for the value's
/// last line break.
fn lines(file: &File<'_>, node: usize) -> Option<Vec<Range<usize>>> {
    let span = file.stream.event(node).span.clone();
    let block = &file.text[span.clone()];
    let mut lines = Vec::new();
    let mut at = span.start + block.find('\n')? + 1;
    while at < span.end {
        let end = file.line_end(at);
        lines.push(at..end);
        let Some(length) = file.text[at..].find('\n') else { break };
        at += length + 1;
    }
    lines.push(span.end..span.end);
    Some(lines)
}
