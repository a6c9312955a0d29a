//! The lines of a block scalar (`|` or `>`), which are replaced one by one.

use std::ops::Range;

use super::Change;
use super::file::File;
use super::splice::{Expect, Splice};

/// The splice that gives the block scalar `node` the value `new` instead of `old`. None if its lines are not those of its
/// value.
pub(super) fn set(file: &File<'_>, node: usize, old: &str, new: String, change: Change) -> Option<Splice> {
    let (range, text) = splice(file, node, old, &new)?;
    Some(Splice { range, text, expect: Expect::Whole { node, value: new }, change })
}

/// The columns by which a block's lines are indented, if its lines are those of its `value`.
pub(super) fn indentation(file: &File<'_>, node: usize, value: &str) -> Option<usize> {
    indent(file, &lines(file, node)?, value)
}

/// The number of lines that are not blank.
pub(super) fn count(file: &File<'_>, node: usize) -> usize {
    let all = lines(file, node).unwrap_or_default();
    all.into_iter().filter(|line| !file.text[line.clone()].trim().is_empty()).count()
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
