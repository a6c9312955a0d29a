//! YAML inside the text of a block scalar (`values: |`): edited by the same editor, written back line by line.

use std::ops::Range;

use crate::manifest::error::{EditError, Place, Refusal};
use crate::manifest::file::File;
use crate::manifest::lookup::Found;
use crate::manifest::parser::{Kind, Style};
use crate::manifest::path::Path;
use crate::manifest::splice::{Expect, Splice};
use crate::manifest::{Edit, Target, addresses, apply, scalar};

/// The splice that sets `path` inside the text at `found`.
pub(super) fn plan(
    file: &File<'_>,
    found: &Found,
    path: &Path,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let place = file.stream.place(found.node);
    scalar::not_shared(&file.stream, found).map_err(|stop| stop.at(label))?;
    let Kind::Scalar { value, style: Style::Literal, .. } = file.stream.kind(found.node) else {
        return Err(Refusal::NotLiteral.at(place, label));
    };
    let inner = Edit { target: Target::Helm(path.clone()), ..edit.clone() };
    file.reached.inside(&file.stream, found, addresses(value.as_bytes(), &inner.target));
    let edited = apply(value.as_bytes(), &[inner]).map_err(|error| outer(error, place, label))?;
    file.reached.inside(&file.stream, found, edited.addresses.iter().cloned());
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

/// An error of the inner text, as one of the file: its first line follows the line of the `|`.
fn outer(error: EditError, block: Place, label: &str) -> EditError {
    let moved = |place: Place| Place { line: place.line + block.line, column: place.column };
    match error {
        EditError::Refused { place, refusal: refusal @ Refusal::Missing(_), .. } => {
            refusal.at(moved(place), label)
        }
        EditError::Refused { place, refusal, .. } => {
            Refusal::Inside { problem: refusal.to_string() }.at(moved(place), label)
        }
        EditError::File { place, problem } => {
            Refusal::Inside { problem: format!("the text {problem}") }.at(moved(place), label)
        }
        EditError::Value { value, reason, .. } => EditError::Value { path: label.to_owned(), value, reason },
        other => other,
    }
}

/// The bytes of the block's lines that change from `old` to `new`; none if they are not where they should be.
fn splice(file: &File<'_>, node: usize, old: &str, new: &str) -> Option<(Range<usize>, String)> {
    let raw = lines(file, node)?;
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let first = old.iter().position(|line| !line.is_empty())?;
    let indent = file.text[raw.get(first)?.clone()].len().checked_sub(old[first].len())?;
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

/// The lines of a block scalar behind its header, without their breaks; one more at its end, for the value's
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
