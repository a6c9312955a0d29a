//! From an edit to the bytes that it changes.

use std::ops::Range;

use super::error::{EditError, Refusal};
use super::lookup::{self, Found, Stop};
use super::parser::{Kind, Style};
use super::path::Path;
use super::splice::{Expect, Splice};
use super::stream::Stream;
use super::{Edit, kustomize, quote};

const STRING_TAG: &str = "tag:yaml.org,2002:str";

/// The splice that makes `edit`, or nothing if the file already says so. `all` are the edits made with it.
pub(super) fn plan(
    stream: &Stream,
    text: &str,
    edit: &Edit,
    all: &[Edit],
) -> Result<Option<Splice>, EditError> {
    match edit {
        Edit::Helm { path, value } => {
            check_value(path, value)?;
            set(stream, text, &lookup::only(stream, path)?, path, value)
        }
        Edit::Kustomize { image, field, value } => kustomize::plan(stream, text, image, *field, value, all),
    }
}

/// Refuses what no quoting style writes on one line, and what Argo or Helm should have filled in before.
pub(super) fn check_value(path: &Path, value: &str) -> Result<(), EditError> {
    let reason = match value.chars().find(|c| !quote::is_printable(*c)) {
        Some(c) => format!("it contains U+{:04X}, a control character or line break", u32::from(c)),
        None if value.contains("{{") => "it contains `{{`, a template that nothing has filled in".to_owned(),
        None => return Ok(()),
    };
    Err(EditError::Value { path: path.to_string(), value: value.to_owned(), reason })
}

/// The splice that gives the scalar at `found` the string `value`.
pub(super) fn set(
    stream: &Stream,
    text: &str,
    found: &Found,
    path: &Path,
    value: &str,
) -> Result<Option<Splice>, EditError> {
    let old = editable(stream, found).map_err(|stop| stop.at(path))?;
    if old.is_string && old.value == value {
        return Ok(None);
    }
    let place = stream.place(found.node);
    let (range, text) = bytes(stream, text, found, value, old.style).map_err(|r| r.at(place, path))?;
    let change = super::Change {
        path: path.to_string(),
        line: place.line,
        old: old.value.to_owned(),
        new: value.to_owned(),
    };
    Ok(Some(Splice { range, text, expect: Expect::Set { node: found.node }, change }))
}

struct Old<'a> {
    value: &'a str,
    style: Style,
    /// Whether every reader takes it for a string.
    is_string: bool,
}

fn editable<'a>(stream: &'a Stream, found: &Found) -> Result<Old<'a>, Stop> {
    not_shared(stream, found)?;
    let refuse = |refusal| Err(Stop::Refused(stream.place(found.node), refusal));
    let (properties, value, style) = match stream.kind(found.node) {
        Kind::Scalar { style: Style::Literal | Style::Folded, .. } => return refuse(Refusal::BlockScalar),
        Kind::Scalar { properties, value, style } => (properties, value, *style),
        Kind::Alias(name) => return refuse(Refusal::Alias { name: name.to_string() }),
        Kind::SequenceStart { .. } => return refuse(Refusal::Collection { kind: "list" }),
        _ => return refuse(Refusal::Collection { kind: "mapping" }),
    };
    let tag = properties.tag.as_deref();
    match tag {
        None | Some("!" | STRING_TAG) => {}
        Some(tag) => return refuse(Refusal::Tagged { tag: tag.to_owned() }),
    }
    if value.contains("{{") {
        return refuse(Refusal::Template);
    }
    if let (Some(_), Some(&mapping)) = (found.key, found.around.last()) {
        lookup::no_duplicates(stream, mapping)?;
    }
    let is_string = style != Style::Plain || tag.is_some() || quote::is_plain_string(value);
    Ok(Old { value, style, is_string })
}

/// Refuses a node that an alias uses, by itself or as part of a collection.
pub(super) fn not_shared(stream: &Stream, found: &Found) -> Result<(), Stop> {
    for &node in found.around.iter().chain([&found.node]) {
        if let (Some(name), Some(alias)) = (stream.anchor(node), stream.alias_of(node)) {
            let refusal = Refusal::Shared { name: name.to_owned(), alias: stream.place(alias) };
            return Err(Stop::Refused(stream.place(node), refusal));
        }
    }
    Ok(())
}

impl Stop {
    /// This stop as the refusal of an edit of `path`.
    pub(super) fn at(self, path: &Path) -> EditError {
        match self {
            Self::Missing { place, refusal, .. } | Self::Refused(place, refusal) => refusal.at(place, path),
        }
    }
}

/// Which bytes of `text` become which others.
fn bytes(
    stream: &Stream,
    text: &str,
    found: &Found,
    value: &str,
    style: Style,
) -> Result<(Range<usize>, String), Refusal> {
    let flow = found.around.last().is_some_and(|&node| is_flow(stream, node));
    let written = quote::render(value, style, flow);
    let span = stream.event(found.node).span.clone();
    let content = after_properties(text, &span);
    if !content.is_empty() {
        if style == Style::Plain && written != value && tab_line_follows(&text[content.end..]) {
            return Err(Refusal::TabLine);
        }
        let touches = content.start > span.start && !text[..content.start].ends_with(char::is_whitespace);
        return Ok((content, if touches { format!(" {written}") } else { written }));
    }
    if !span.is_empty() {
        return Ok((span.end..span.end, format!(" {written}")));
    }
    let at = after_indicator(stream, text, found).ok_or(Refusal::NoColon)?;
    // A single space before the line's or the collection's end is the author's separator: keep it as that.
    let after_space = text[at..].strip_prefix(' ').map(|rest| rest.trim_start_matches(' '));
    match after_space {
        Some(rest) if rest.is_empty() || rest.starts_with(['\r', '\n', ',', '}', ']']) => {
            Ok((at + 1..at + 1, written))
        }
        _ => Ok((at..at, format!(" {written}"))),
    }
}

/// Whether a line of white space with a tab in it comes next: part of a plain scalar, an error behind quotes.
fn tab_line_follows(rest: &str) -> bool {
    let blank = &rest[..rest.len() - rest.trim_start().len()];
    blank.find(|c: char| c != ' ' && c != '\t').is_some_and(|line_break| blank[line_break..].contains('\t'))
}

/// Whether a collection is written in brackets.
pub(super) fn is_flow(stream: &Stream, node: usize) -> bool {
    matches!(
        stream.kind(node),
        Kind::MappingStart { flow: true, .. } | Kind::SequenceStart { flow: true, .. }
    )
}

/// A scalar's bytes without its anchor and tag, which a plain scalar cannot begin with.
fn after_properties(text: &str, span: &Range<usize>) -> Range<usize> {
    let mut rest = &text[span.clone()];
    while rest.starts_with(['&', '!', '#']) {
        let end = if rest.starts_with('&') {
            // libyaml ends an anchor's name at the first other character: `&a:b` is the anchor `a` and `:b`.
            rest.find(|c: char| !matches!(c, '&' | 'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-'))
        } else if rest.starts_with('#') {
            rest.find(['\r', '\n'])
        } else {
            rest.find(char::is_whitespace)
        };
        rest = rest[end.unwrap_or(rest.len())..].trim_start();
    }
    span.end - rest.len()..span.end
}

/// The place behind the `:` or `-` that an empty value belongs to.
fn after_indicator(stream: &Stream, text: &str, found: &Found) -> Option<usize> {
    let Some(key) = found.key else {
        let at = stream.event(found.node).span.start;
        return text[..at].ends_with('-').then_some(at);
    };
    let rest = &text[stream.event(key).span.end..];
    let value = rest.trim_start().strip_prefix(':')?;
    Some(text.len() - value.len())
}
