//! Sets one scalar: checks that it may be set, and computes the bytes to replace.

use std::ops::Range;

use super::error::{EditError, Refusal};
use super::file::File;
use super::lookup::{self, Found, LookupError};
use super::parser::{Kind, Style};
use super::splice::{Expect, Splice};
use super::stream::Stream;
use super::{lines, quote, shared};

const STRING_TAG: &str = "tag:yaml.org,2002:str";

/// Refuses values that no quoting style can write on one line, and placeholders that Argo or Helm should have replaced.
pub(super) fn check_value(label: &str, value: &str) -> Result<(), EditError> {
    let reason = match value.chars().find(|c| !quote::is_printable(*c)) {
        Some(c) => format!("it contains U+{:04X}, a control character or line break", u32::from(c)),
        None if value.contains("{{") => "it contains `{{`, a template that nothing has filled in".to_owned(),
        None => return Ok(()),
    };
    Err(EditError::Value { path: label.to_owned(), value: value.to_owned(), reason })
}

/// The splice that sets the scalar at `found` to the string `value`, or to the number or boolean if `typed`.
pub(super) fn set(
    file: &File<'_>,
    found: &Found,
    value: &str,
    label: &str,
    typed: bool,
) -> Result<Option<Splice>, EditError> {
    let found = &lookup::followed(&file.stream, found.clone()).map_err(|stop| stop.at(label))?;
    file.addresses.node(&file.stream, found);
    let old = editable(&file.stream, found).map_err(|stop| stop.at(label))?;
    if matches!(old.style, Style::Literal | Style::Folded) {
        return block(file, found, old.value, value, label);
    }
    let typed = typed
        && !old.is_string
        && quote::same_type(old.value, value)
        && !(is_version(file, found) && value.len() > MAX_NUMBER);
    if (old.is_string || typed) && old.value == value {
        return Ok(None);
    }
    let place = file.stream.place(found.node);
    let flow = found.around.last().is_some_and(|&node| file.stream.is_flow(node));
    let written = if typed { value.to_owned() } else { quote::render(value, file.style(old.style), flow) };
    if old.style == Style::Plain && written != value && tab_line_follows(file, found) {
        return Err(Refusal::TabLine.at(place, label));
    }
    let (range, text) = bytes(file, found, written).map_err(|r| r.at(place, label))?;
    let change = super::Change {
        path: label.to_owned(),
        line: place.line,
        old: old.value.to_owned(),
        new: value.to_owned(),
    };
    shared::note(file, found, label);
    Ok(Some(Splice { range, text, expect: Expect::Set { node: found.node, typed }, change }))
}

/// The splice that sets the text at `found` to the text `new`, of which only a part is new.
pub(super) fn set_part(
    file: &File<'_>,
    found: &Found,
    new: &str,
    label: &str,
) -> Result<Option<Splice>, EditError> {
    match file.stream.kind(found.node) {
        Kind::Scalar { style: Style::Literal | Style::Folded, .. } => {
            let old = editable(&file.stream, found).map_err(|stop| stop.at(label))?;
            file.addresses.node(&file.stream, found);
            block_text(file, found, old.value, new, label)
        }
        _ => set(file, found, new, label, false),
    }
}

/// The splice that sets a block scalar of one word. A longer one is a script or a file, which a value would destroy.
fn block(
    file: &File<'_>,
    found: &Found,
    old: &str,
    value: &str,
    label: &str,
) -> Result<Option<Splice>, EditError> {
    let refuse = |refusal: Refusal| Err(refusal.at(file.stream.place(found.node), label));
    if old.trim_end_matches('\n').contains(char::is_whitespace) {
        return refuse(Refusal::BlockScalar);
    }
    if old.contains("{{") {
        return refuse(Refusal::Template);
    }
    block_text(file, found, old, value, label)
}

/// The splice that sets a block scalar, which keeps the line breaks at its end.
fn block_text(
    file: &File<'_>,
    found: &Found,
    old: &str,
    value: &str,
    label: &str,
) -> Result<Option<Splice>, EditError> {
    let place = file.stream.place(found.node);
    let content = old.trim_end_matches('\n');
    if content == value {
        return Ok(None);
    }
    let is_folded = matches!(file.stream.kind(found.node), Kind::Scalar { style: Style::Folded, .. });
    // The lines of a folded text are not those of its value.
    if is_folded && lines::count(file, found.node) != 1 {
        return Err(Refusal::OddBlock.at(place, label));
    }
    let spaces: &[char] = &[' ', '\t', '\n'];
    if value.is_empty() || value.starts_with(spaces) || value.ends_with(spaces) {
        return Err(Refusal::BlockValue.at(place, label));
    }
    let line = place.line + 1;
    let change =
        super::Change { path: label.to_owned(), line, old: content.to_owned(), new: value.to_owned() };
    let new = format!("{value}{}", &old[content.len()..]);
    let splice = lines::set(file, found.node, old, new, change);
    shared::note(file, found, label);
    splice.map(Some).ok_or_else(|| Refusal::OddBlock.at(place, label))
}

/// The most digits of a number that Helm renders as written; `1234567` becomes `1.234567e+06`.
const MAX_NUMBER: usize = 6;

/// Whether the key says that the value is a version, so that its exact digits matter.
fn is_version(file: &File<'_>, found: &Found) -> bool {
    let key = found.key.and_then(|key| file.stream.scalar(key)).unwrap_or_default().to_ascii_lowercase();
    ["tag", "version", "revision"].iter().any(|word| key.ends_with(word))
}

struct Old<'a> {
    value: &'a str,
    style: Style,
    /// Whether every reader parses it as a string.
    is_string: bool,
}

fn editable<'a>(stream: &'a Stream, found: &Found) -> Result<Old<'a>, LookupError> {
    shared::check(stream, found)?;
    let refuse = |refusal| Err(LookupError::Refused(stream.place(found.node), refusal));
    let (properties, value, style) = match stream.kind(found.node) {
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
    if value.contains("{{") && !matches!(style, Style::Literal | Style::Folded) {
        return refuse(Refusal::Template);
    }
    if let (Some(_), Some(&mapping)) = (found.key, found.around.last()) {
        lookup::no_duplicates(stream, mapping)?;
    }
    let is_string = style != Style::Plain || tag.is_some() || quote::is_plain_string(value);
    Ok(Old { value, style, is_string })
}

/// The bytes to replace and their replacement, so that the scalar at `found` is `written`.
pub(super) fn bytes(
    file: &File<'_>,
    found: &Found,
    written: String,
) -> Result<(Range<usize>, String), Refusal> {
    let text = file.text;
    let span = file.stream.event(found.node).span.clone();
    let content = after_properties(text, &span);
    if !content.is_empty() {
        let touches = content.start > span.start && !text[..content.start].ends_with(char::is_whitespace);
        return Ok((content, if touches { format!(" {written}") } else { written }));
    }
    if !span.is_empty() {
        return Ok((span.end..span.end, format!(" {written}")));
    }
    let at = after_indicator(file, found).ok_or(Refusal::NoColon)?;
    // A single space before the end of the line or of the collection is the author's separator, and is kept.
    let after_space = text[at..].strip_prefix(' ').map(|rest| rest.trim_start_matches(' '));
    match after_space {
        Some(rest) if rest.is_empty() || rest.starts_with(['\r', '\n', ',', '}', ']']) => {
            Ok((at + 1..at + 1, written))
        }
        _ => Ok((at..at, format!(" {written}"))),
    }
}

/// Whether the next line is white space with a tab: part of a plain scalar, but an error after quotes.
fn tab_line_follows(file: &File<'_>, found: &Found) -> bool {
    let content = after_properties(file.text, &file.stream.event(found.node).span);
    let rest = &file.text[content.end..];
    let blank = &rest[..rest.len() - rest.trim_start().len()];
    let line_break = blank.find(|c: char| c != ' ' && c != '\t');
    !content.is_empty() && line_break.is_some_and(|line_break| blank[line_break..].contains('\t'))
}

/// The bytes of a scalar without its anchor and tag. A plain scalar cannot begin with those characters.
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

/// The position after the `:` or `-` that an empty value belongs to.
pub(super) fn after_indicator(file: &File<'_>, found: &Found) -> Option<usize> {
    let Some(key) = found.key else {
        let at = file.stream.event(found.node).span.start;
        return file.text[..at].ends_with('-').then_some(at);
    };
    let rest = &file.text[file.stream.event(key).span.end..];
    let value = rest.trim_start().strip_prefix(':')?;
    Some(file.text.len() - value.len())
}
