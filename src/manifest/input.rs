//! Checks of the bytes before the YAML parser reads them.

use super::error::{EditError, FileProblem, Position};

/// Larger files are refused; values files and kustomizations have a few hundred lines.
pub(super) const MAX_BYTES: usize = 10 * 1024 * 1024;

/// libyaml compares every `%TAG` line with all earlier ones; real files have none.
const MAX_TAG_DIRECTIVES: usize = 64;

const BOM: &str = "\u{feff}";

/// A file whose bytes are text.
pub(super) struct Text<'a> {
    /// The byte order mark at the start, or nothing.
    pub(super) bom: &'a [u8],
    /// The text after the byte order mark.
    pub(super) body: &'a str,
}

/// Checks size, encoding and characters.
pub(super) fn check(input: &[u8]) -> Result<Text<'_>, EditError> {
    if input.len() > MAX_BYTES {
        return Err(FileProblem::TooLarge { bytes: input.len() }.at(Position::START));
    }
    let text = std::str::from_utf8(input).map_err(|e| not_utf8(input, e.valid_up_to()))?;
    let body = text.strip_prefix(BOM).unwrap_or(text);
    if let Some((at, character)) = body.char_indices().find(|(_, c)| !is_yaml_character(*c)) {
        return Err(FileProblem::ControlCharacter { character }.at(place_of(body, at)));
    }
    if body.lines().filter(|line| line.starts_with("%TAG")).nth(MAX_TAG_DIRECTIVES).is_some() {
        return Err(FileProblem::TooManyDirectives.at(Position::START));
    }
    Ok(Text { bom: &input[..text.len() - body.len()], body })
}

fn not_utf8(input: &[u8], at: usize) -> EditError {
    let valid = String::from_utf8_lossy(&input[..at]);
    FileProblem::NotUtf8.at(place_of(&valid, valid.len()))
}

/// `c-printable` of YAML 1.1, section 4.1.
fn is_yaml_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        || c >= '\u{10000}'
}

/// The position of the byte `at` of `text`.
pub(super) fn place_of(text: &str, at: usize) -> Position {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].trim_start_matches(BOM).chars().count() + 1,
    }
}
