//! Finds the position of an addition in the text.

use std::ops::Range;

use super::Addition;
use crate::manifest::file::File;
use crate::manifest::lookup::MissingPath;
use crate::manifest::parser::{Kind, Style};
use crate::manifest::scalar;
use crate::manifest::splice::Expect;

type Insertion = (Range<usize>, String, Expect);

/// The bytes and events of `addition` at the nearest existing node, or the reason why it does not fit there.
pub(super) fn splice(
    file: &File<'_>,
    gap: &MissingPath,
    addition: &Addition<'_>,
) -> Result<Insertion, &'static str> {
    let node = gap.nearest.node;
    match file.stream.kind(node) {
        Kind::Scalar { .. } => grow(file, gap, addition),
        Kind::MappingStart { flow: true, .. } => {
            let (at, separator) = flow_spot(file, node, '{')?;
            let text = format!("{separator}{}", addition.flow_pair(addition.steps));
            Ok((at..at, text, add(file, node, addition)))
        }
        Kind::SequenceStart { flow: true, .. } => {
            let (at, separator) = flow_spot(file, node, '[')?;
            let text = format!("{separator}{}", addition.flow_item(addition.steps));
            Ok((at..at, text, add(file, node, addition)))
        }
        Kind::SequenceStart { .. } => {
            let start = first_dash(file, node).ok_or("its list does not begin with `-`")?;
            let indent = file.before(start).chars().count();
            let (at, text) = after(file, node, indent, addition)?;
            Ok((at..at, text, add(file, node, addition)))
        }
        _ => {
            let indent = key_indent(file, node)?;
            let (at, text) = after(file, node, indent, addition)?;
            Ok((at..at, text, add(file, node, addition)))
        }
    }
}

/// The first `-` of a list, which may have an anchor before it.
fn first_dash(file: &File<'_>, list: usize) -> Option<usize> {
    let first = file.stream.children(list).next()?;
    let before = file.text[..file.stream.event(first).span.start].trim_end();
    before.ends_with('-').then(|| before.len() - 1)
}

fn add(file: &File<'_>, node: usize, addition: &Addition<'_>) -> Expect {
    Expect::Add { at: file.stream.end(node), wanted: addition.events() }
}

/// The column of the keys of a block mapping.
fn key_indent(file: &File<'_>, mapping: usize) -> Result<usize, &'static str> {
    let (key, _) = file.stream.pairs(mapping).last().ok_or("its mapping has no key yet")?;
    if matches!(file.stream.kind(key), Kind::Scalar { style: Style::Literal | Style::Folded, .. }) {
        return Err("the key before it is a block scalar");
    }
    let before = file.before(file.stream.event(key).span.start);
    if before.bytes().all(|b| matches!(b, b' ' | b'-')) {
        return Ok(before.len());
    }
    Err("the key before it does not begin its line")
}

/// The position after the last line of a block collection, and the lines of `addition` with the line breaks that they need
/// there.
fn after(
    file: &File<'_>,
    collection: usize,
    indent: usize,
    addition: &Addition<'_>,
) -> Result<(usize, String), &'static str> {
    let text = addition.block(indent);
    let margin = addition.layout.margin(indent);
    let last = last_leaf(file, collection);
    let span = file.stream.event(last).span.clone();
    if let Kind::Scalar { style: Style::Literal | Style::Folded, .. } = file.stream.kind(last) {
        let block = &file.text[span.clone()];
        let header = block.lines().next().unwrap_or_default();
        let ends = block.ends_with(['\r', '\n']);
        if header.split('#').next().unwrap_or_default().contains('+') {
            let pad = " ".repeat(indent);
            let text = format!("{pad}{text}{}", addition.layout.newline());
            return if ends {
                Ok((span.end, text))
            } else {
                Err("the text before it has no final line break")
            };
        }
        if !ends && !header.contains('-') {
            return Err("the text before it has no final line break");
        }
        return Ok((file.line_end(span.start + block.trim_end().len()), format!("{margin}{text}")));
    }
    let end = file.line_end(span.end);
    let rest = file.text[span.end..end].trim();
    if !rest.is_empty() && !rest.starts_with('#') {
        return Err("more follows on the line before it");
    }
    Ok((end, format!("{margin}{text}")))
}

/// The last event within a block collection that has text.
fn last_leaf(file: &File<'_>, collection: usize) -> usize {
    let mut at = file.stream.end(collection);
    while matches!(file.stream.kind(at), Kind::MappingEnd | Kind::SequenceEnd) && at > collection {
        let event = file.stream.event(at);
        if file.text[event.span.clone()].ends_with([']', '}']) {
            break;
        }
        at -= 1;
    }
    at
}

/// The position after the last item of a collection in brackets, and the separator before a new item.
fn flow_spot(file: &File<'_>, collection: usize, bracket: char) -> Result<(usize, String), &'static str> {
    let open = file.stream.event(collection).span.clone();
    if !file.text[open.clone()].ends_with(bracket) {
        return Err("its mapping is a pair without braces");
    }
    let Some(last) = file.stream.children(collection).last() else { return Ok((open.end, String::new())) };
    let (start, value) = match bracket {
        '{' => file.stream.pairs(collection).last().unwrap_or((last, last)),
        _ => (last, last),
    };
    let span = &file.stream.event(value).span;
    let end = match file.stream.kind(value) {
        Kind::Scalar { .. } if span.is_empty() => return Err("the value before it is empty"),
        Kind::Scalar { .. } | Kind::Alias(_) => span.end,
        _ => file.stream.event(file.stream.end(value)).span.end,
    };
    let before = file.before(file.stream.event(start).span.start);
    let rest = file.text[end..file.line_end(end)].trim();
    let own_line = before.trim().is_empty() && matches!(rest, "" | ",") && file.text.contains(['\r', '\n']);
    Ok((end, if own_line { format!(",{}{before}", file.newline()) } else { ", ".to_owned() }))
}

/// Replaces null by a collection.
fn grow(file: &File<'_>, gap: &MissingPath, addition: &Addition<'_>) -> Result<Insertion, &'static str> {
    let found = &gap.nearest;
    let expect = Expect::Grow { node: found.node, wanted: addition.value_events(addition.steps) };
    let Some(&parent) = found.around.last() else { return root(file, found.node, addition, expect) };
    if file.stream.is_flow(parent) {
        let (range, text) = scalar::bytes(file, found, addition.flow_value(addition.steps))
            .map_err(|_| "its key has no `:`")?;
        return Ok((range, text, expect));
    }
    let Some(key) = found.key else { return Err("its list item is empty") };
    let before = file.before(file.stream.event(key).span.start);
    if !before.bytes().all(|b| matches!(b, b' ' | b'-')) {
        return Err("its key does not begin its line");
    }
    let colon = scalar::after_indicator(file, found).ok_or("its key has no `:`")?;
    let content = file.stream.event(found.node).span.end.max(colon);
    let end = file.line_end(content);
    let rest = &file.text[content..end];
    if !rest.trim().is_empty() && !rest.trim_start().starts_with('#') {
        return Err("more follows on its line");
    }
    if file.text[colon..content].contains(['\r', '\n', '#']) {
        return Err("its value does not stand on the line of its key");
    }
    let layout = &addition.layout;
    let indent = before.len() + if addition.is_item() { layout.list_step } else { layout.step };
    let lines = addition.block(indent);
    Ok((colon..end, format!("{rest}{}{lines}", addition.layout.margin(indent)), expect))
}

/// Adds the content of a document that has none, after its comments.
fn root(
    file: &File<'_>,
    node: usize,
    addition: &Addition<'_>,
    expect: Expect,
) -> Result<Insertion, &'static str> {
    let span = file.stream.event(node).span.clone();
    if !span.is_empty() || file.json {
        return Err("its document is null");
    }
    let lines = addition.block(0);
    let newline = addition.layout.newline();
    let lead = if file.before(span.start).is_empty() { "" } else { newline };
    Ok((span.clone(), format!("{lead}{lines}{newline}"), expect))
}
