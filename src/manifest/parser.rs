//! The YAML parser: libyaml in Rust. Only this file names it, so that it could be replaced.
//!
//! go-yaml is derived from libyaml, so a file means here what it means to Helm and kustomize.

use std::io::{BufReader, Read};
use std::ops::Range;

use libyaml_safer::{Encoding, EventData, MappingStyle, Mark, ScalarStyle, SequenceStyle};

use crate::limits::YAML_NODES;

use super::error::{EditError, FileProblem, Position};

/// libyaml's scanner visits every open flow collection for each token, so the cost grows with the depth.
pub(super) const MAX_DEPTH: usize = 256;

/// libyaml decodes everything in its reader at once, at four bytes a character.
const READ_BYTES: usize = 16 * 1024;

/// One parsing event and its position.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) kind: Kind,
    /// Bytes of the text; a node's anchor and tag are part of it.
    pub(super) span: Range<usize>,
    pub(super) place: Position,
}

/// The content of an event. Equal kinds are the same YAML, except for layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DocumentStart { explicit: bool, directives: Vec<String> },
    DocumentEnd { explicit: bool },
    Alias(Box<str>),
    Scalar { properties: Properties, value: Box<str>, style: Style },
    SequenceStart { properties: Properties, flow: bool },
    SequenceEnd,
    MappingStart { properties: Properties, flow: bool },
    MappingEnd,
}

/// The anchor and the tag of a node.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) anchor: Option<Box<str>>,
    pub(super) tag: Option<Box<str>>,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// `|`.
    Literal,
    /// `>`.
    Folded,
}

/// Parses `text` into events, without the events of the stream's start and end.
pub(super) fn parse(text: &str) -> Result<Vec<Event>, EditError> {
    // libyaml-safer 0.3.0 still panics on some input, such as a tag before a comma (`[!!str, x]`, scanner.rs `scan_tag`).
    std::panic::catch_unwind(|| events(text))
        .unwrap_or_else(|_| Err(FileProblem::ParserFailed.at(Position::START)))
}

fn events(text: &str) -> Result<Vec<Event>, EditError> {
    let mut parser = libyaml_safer::Parser::new();
    parser.set_encoding(Encoding::Utf8);
    let line_break: &[u8] = if text.ends_with(['\n', '\r']) { b"" } else { b"\n" };
    // The added line break avoids one of those panics, on a block scalar whose last line has no line break.
    parser.set_input(BufReader::with_capacity(READ_BYTES, text.as_bytes().chain(line_break)));
    let mut events = Vec::new();
    let (mut depth, mut nodes) = (0_usize, 0_usize);
    loop {
        let event = parser.parse().map_err(|error| not_yaml(text, &error))?;
        match event.data {
            EventData::StreamEnd => return Ok(events),
            EventData::SequenceStart { .. } | EventData::MappingStart { .. } => depth += 1,
            EventData::SequenceEnd | EventData::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        let place = place(event.start_mark);
        nodes += usize::from(is_node(&event.data));
        if nodes > YAML_NODES {
            return Err(FileProblem::TooManyNodes.at(place));
        }
        if depth > MAX_DEPTH {
            return Err(FileProblem::TooDeep.at(place));
        }
        if let Some(kind) = kind(event.data) {
            let within = |mark| offset(mark).min(text.len());
            events.push(Event { kind, span: within(event.start_mark)..within(event.end_mark), place });
        }
    }
}

/// Whether an event begins a node. A document counts too, because it takes as much memory.
fn is_node(data: &EventData) -> bool {
    !matches!(data, EventData::SequenceEnd | EventData::MappingEnd | EventData::DocumentEnd { .. })
}

fn kind(data: EventData) -> Option<Kind> {
    Some(match data {
        EventData::StreamStart { .. } | EventData::StreamEnd => return None,
        EventData::DocumentStart { version_directive, tag_directives, implicit } => {
            let version = version_directive.iter().map(|v| format!("{v:?}"));
            let directives = version.chain(tag_directives.iter().map(|t| format!("{t:?}"))).collect();
            Kind::DocumentStart { explicit: !implicit, directives }
        }
        EventData::DocumentEnd { implicit } => Kind::DocumentEnd { explicit: !implicit },
        EventData::Alias { anchor } => Kind::Alias(anchor.into()),
        EventData::Scalar { anchor, tag, value, style, .. } => {
            Kind::Scalar { properties: properties(anchor, tag), value: value.into(), style: style_of(style) }
        }
        EventData::SequenceStart { anchor, tag, style, .. } => Kind::SequenceStart {
            properties: properties(anchor, tag),
            flow: matches!(style, SequenceStyle::Flow),
        },
        EventData::SequenceEnd => Kind::SequenceEnd,
        EventData::MappingStart { anchor, tag, style, .. } => Kind::MappingStart {
            properties: properties(anchor, tag),
            flow: matches!(style, MappingStyle::Flow),
        },
        EventData::MappingEnd => Kind::MappingEnd,
    })
}

fn properties(anchor: Option<String>, tag: Option<String>) -> Properties {
    Properties { anchor: anchor.map(Into::into), tag: tag.map(Into::into) }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        _ => Style::Plain,
    }
}

fn not_yaml(text: &str, error: &libyaml_safer::Error) -> EditError {
    let mark = error.problem_mark().unwrap_or_default();
    let problem = match (error.context(), error.context_mark()) {
        (Some(context), Some(from)) => format!("{}, {context} from {}", error.problem(), place(from)),
        _ => error.problem().to_owned(),
    };
    let hint = if text.contains("{{") {
        "it looks like a Go template: edit the values file that feeds it"
    } else if text[at_most(text, offset(mark))..].starts_with('\t') {
        "a tab stands where only spaces are allowed"
    } else {
        "correct it first"
    };
    FileProblem::NotYaml { problem, hint }.at(place(mark))
}

/// `at`, or the nearest character boundary before it. A wrong mark from libyaml must not cause a panic.
fn at_most(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

fn place(mark: Mark) -> Position {
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).saturating_add(1);
    Position { line: count(mark.line), column: count(mark.column) }
}

fn offset(mark: Mark) -> usize {
    usize::try_from(mark.index).unwrap_or(usize::MAX)
}
