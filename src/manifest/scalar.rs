//! Sets one scalar: checks that it may be set, and computes the bytes to replace.

mod block;
mod span;

use super::error::{EditError, Refusal};
use super::file::File;
use super::lookup::{self, Found, LookupError};
use super::parser::{Kind, Style};
use super::splice::{Expect, Splice};
use super::stream::Stream;
use super::{quote, shared};
pub(super) use span::{after_indicator, bytes};

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
        return block::set(file, found, old.value, value, label);
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
    if old.style == Style::Plain && written != value && span::tab_line_follows(file, found) {
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
            block::set_text(file, found, old.value, new, label)
        }
        _ => set(file, found, new, label, false),
    }
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
