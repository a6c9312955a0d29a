//! The bytes of a scalar, which an edit replaces.

use std::ops::Range;

use crate::manifest::error::Refusal;
use crate::manifest::file::File;
use crate::manifest::lookup::Found;

/// The bytes to replace and their replacement, so that the scalar at `found` is `written`.
pub(in crate::manifest) fn bytes(
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
pub(super) fn tab_line_follows(file: &File<'_>, found: &Found) -> bool {
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
pub(in crate::manifest) fn after_indicator(file: &File<'_>, found: &Found) -> Option<usize> {
    let Some(key) = found.key else {
        let at = file.stream.event(found.node).span.start;
        return file.text[..at].ends_with('-').then_some(at);
    };
    let rest = &file.text[file.stream.event(key).span.end..];
    let value = rest.trim_start().strip_prefix(':')?;
    Some(file.text.len() - value.len())
}
