//! Sets block scalars (`|` or `>`).

use crate::manifest::error::{EditError, Refusal};
use crate::manifest::file::File;
use crate::manifest::lookup::Found;
use crate::manifest::parser::{Kind, Style};
use crate::manifest::splice::Splice;
use crate::manifest::{Change, lines, shared};

/// The splice that sets a block scalar of one word. A longer one is a script or a file, which a value would destroy.
pub(super) fn set(
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
    set_text(file, found, old, value, label)
}

/// The splice that sets a block scalar, which keeps the line breaks at its end.
pub(super) fn set_text(
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
    let change = Change { path: label.to_owned(), line, old: content.to_owned(), new: value.to_owned() };
    let new = format!("{value}{}", &old[content.len()..]);
    let splice = lines::set(file, found.node, old, new, change);
    shared::note(file, found, label);
    splice.map(Some).ok_or_else(|| Refusal::OddBlock.at(place, label))
}
