//! The proof: the new file differs from the old one in the scalars that were asked for, and in no other.

use std::iter::Peekable;

use super::error::{EditError, Place};
use super::parser::{self, Event, Kind, Properties, Style};
use super::quote;
use super::splice::{Expect, Splice};
use super::stream::Stream;

/// Parses `body` and compares it with `old`, event by event.
pub(super) fn verify(old: &Stream, body: &str, splices: &[Splice]) -> Result<(), EditError> {
    let unproven = |place| EditError::Unproven {
        path: splices.first().map(|s| s.change.path.clone()).unwrap_or_default(),
        place,
    };
    let new = parser::parse(body).map_err(|error| unproven(place_of(&error)))?;
    match first_difference(old, &new, splices) {
        None => Ok(()),
        Some(place) => Err(unproven(place)),
    }
}

fn place_of(error: &EditError) -> Place {
    match error {
        EditError::File { place, .. } => *place,
        _ => Place::START,
    }
}

/// Where `new` is not `old` with the splices' values.
fn first_difference(old: &Stream, new: &[Event], splices: &[Splice]) -> Option<Place> {
    let mut new = new.iter();
    let mut splices = splices.iter().peekable();
    for (at, before) in old.events().iter().enumerate() {
        while let Some((key, value)) = added(&mut splices, at) {
            if !is_string(new.next(), key) || !is_string(new.next(), value) {
                return Some(before.place);
            }
        }
        let wanted = splices.next_if(|splice| splice.expect == Expect::Set { node: at });
        let Some(after) = new.next() else { return Some(before.place) };
        let same = match wanted {
            Some(splice) => is_set(&before.kind, &after.kind, &splice.change.new),
            None => before.kind == after.kind,
        };
        if !same {
            return Some(after.place);
        }
    }
    new.next().map(|rest| rest.place).or_else(|| splices.next().map(|_| Place::START))
}

/// The next pair that belongs before the event `at`.
fn added<'a>(
    splices: &mut Peekable<std::slice::Iter<'a, Splice>>,
    at: usize,
) -> Option<(&'static str, &'a str)> {
    let splice = splices.next_if(|s| matches!(s.expect, Expect::Add { end, .. } if end == at))?;
    match splice.expect {
        Expect::Add { field, .. } => Some((field.key(), &splice.change.new)),
        Expect::Set { .. } => None,
    }
}

/// Whether an event is the string `text`, with neither anchor nor tag.
fn is_string(event: Option<&Event>, text: &str) -> bool {
    let none = Properties { anchor: None, tag: None };
    match event.map(|event| &event.kind) {
        Some(Kind::Scalar { properties, value, style }) => {
            *properties == none && **value == *text && reads_as_string(text, *style, None)
        }
        _ => false,
    }
}

/// Whether `after` is the scalar `before` but for its value, which is the string `text`.
fn is_set(before: &Kind, after: &Kind, text: &str) -> bool {
    let (Kind::Scalar { properties: old, .. }, Kind::Scalar { properties: new, value, style }) =
        (before, after)
    else {
        return false;
    };
    old == new && **value == *text && reads_as_string(text, *style, new.tag.as_deref())
}

fn reads_as_string(text: &str, style: Style, tag: Option<&str>) -> bool {
    match style {
        Style::Single | Style::Double => true,
        Style::Plain => tag.is_some() || quote::is_plain_string(text),
        Style::Literal | Style::Folded => false,
    }
}
