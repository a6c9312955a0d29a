//! Proves that the new file differs from the old one in the requested scalars, and in no other.

use super::error::{EditError, Position, Refusal};
use super::file::{self, File};
use super::parser::{Event, Kind, Properties, Style};
use super::quote;
use super::splice::{Expect, NewEvent, Splice};
use super::stream::Stream;

/// Parses `body`, compares it with `old` event by event, and returns the parsed stream.
pub(super) fn verify(old: &File<'_>, body: &str, splices: &[Splice]) -> Result<Stream, EditError> {
    let unproven = |place| unproven(splices, place);
    let new = Stream::parse(body).map_err(|error| unproven(place_of(&error)))?;
    if old.json && !file::is_json(body) {
        return Err(unproven(Position::START));
    }
    match first_difference(&old.stream, new.events(), splices) {
        None => Ok(new),
        Some(place) => Err(unproven(place)),
    }
}

/// The error for a failed proof. An addition may not fit an unusual layout of lines; replacing a scalar always fits.
fn unproven(splices: &[Splice], place: Position) -> EditError {
    let addition =
        splices.iter().find(|splice| matches!(splice.expect, Expect::Add { .. } | Expect::Grow { .. }));
    match (addition, splices.first()) {
        (Some(addition), _) => Refusal::CannotAdd { why: "the lines around it are laid out unusually" }
            .at(place, &addition.change.path),
        (None, first) => {
            EditError::Unproven { path: first.map(|s| s.change.path.clone()).unwrap_or_default(), place }
        }
    }
}

fn place_of(error: &EditError) -> Position {
    match error {
        EditError::File { place, .. } => *place,
        _ => Position::START,
    }
}

/// The position of the first difference between `new` and `old` with the splices applied.
fn first_difference(old: &Stream, new: &[Event], splices: &[Splice]) -> Option<Position> {
    let mut new = new.iter();
    let mut splices = splices.iter().peekable();
    for at in 0..=old.events().len() {
        let before = old.events().get(at);
        let place = before.map_or(Position::START, |before| before.place);
        while let Some(splice) = splices.next_if(|s| s.expect.event() == at && is_addition(&s.expect)) {
            if !wanted(&splice.expect).iter().all(|wanted| wanted.is(new.next())) {
                return Some(place);
            }
        }
        let Some(before) = before else { break };
        let splice = splices.next_if(|splice| splice.expect.event() == at);
        if let Some(Expect::Grow { wanted, .. }) = splice.map(|splice| &splice.expect) {
            if !wanted.iter().all(|wanted| wanted.is(new.next())) {
                return Some(place);
            }
            continue;
        }
        let Some(after) = new.next() else { return Some(place) };
        if !splice.map_or(before.kind == after.kind, |splice| is_set(&before.kind, &after.kind, splice)) {
            return Some(after.place);
        }
    }
    new.next().map(|rest| rest.place).or_else(|| splices.next().map(|_| Position::START))
}

fn is_addition(expect: &Expect) -> bool {
    matches!(expect, Expect::Add { .. })
}

fn wanted(expect: &Expect) -> &[NewEvent] {
    match expect {
        Expect::Add { wanted, .. } | Expect::Grow { wanted, .. } => wanted,
        Expect::Set { .. } | Expect::Whole { .. } => &[],
    }
}

impl NewEvent {
    /// Whether an event is this one, without anchor and tag.
    fn is(&self, event: Option<&Event>) -> bool {
        let none = Properties { anchor: None, tag: None };
        match (self, event.map(|event| &event.kind)) {
            (Self::Text(text), Some(Kind::Scalar { properties, value, style })) => {
                *properties == none && **value == **text && reads_as_string(text, *style, None)
            }
            (Self::Typed(text), Some(Kind::Scalar { properties, value, style })) => {
                *properties == none && **value == **text && *style == Style::Plain
            }
            (Self::Mapping, Some(Kind::MappingStart { properties, .. }))
            | (Self::List, Some(Kind::SequenceStart { properties, .. })) => *properties == none,
            (Self::Document, Some(Kind::DocumentStart { explicit, directives })) => {
                !explicit && directives.is_empty()
            }
            (Self::DocumentEnd, Some(Kind::DocumentEnd { explicit })) => !explicit,
            (Self::MappingEnd, Some(Kind::MappingEnd)) | (Self::ListEnd, Some(Kind::SequenceEnd)) => true,
            _ => false,
        }
    }
}

/// Whether `after` is the scalar `before` with only its value changed, to the value that the splice writes.
fn is_set(before: &Kind, after: &Kind, splice: &Splice) -> bool {
    let (
        Kind::Scalar { properties: old, style: was, .. },
        Kind::Scalar { properties: new, value, style: is },
    ) = (before, after)
    else {
        return false;
    };
    let text = &splice.change.new;
    let fits = match &splice.expect {
        Expect::Set { typed: true, .. } => **value == **text && *is == Style::Plain,
        Expect::Set { .. } => **value == **text && reads_as_string(text, *is, new.tag.as_deref()),
        Expect::Whole { value: whole, .. } => **value == **whole && was == is,
        Expect::Add { .. } | Expect::Grow { .. } => false,
    };
    fits && old == new
}

fn reads_as_string(text: &str, style: Style, tag: Option<&str>) -> bool {
    match style {
        Style::Single | Style::Double => true,
        Style::Plain => tag.is_some() || quote::is_plain_string(text),
        Style::Literal | Style::Folded => false,
    }
}
