//! Fields of a kustomization's `images[]`: setting one, and adding one beside its neighbours.

use super::error::{EditError, Refusal};
use super::lookup::{self, Found, Stop};
use super::parser::{Kind, Style};
use super::path::{Path, Segment};
use super::splice::{Expect, Splice};
use super::stream::Stream;
use super::{Change, Edit, KustomizeField, plan, quote};

/// The splice that sets `field` of the entry named `image`.
pub(super) fn plan(
    stream: &Stream,
    text: &str,
    image: &str,
    field: KustomizeField,
    value: &str,
    all: &[Edit],
) -> Result<Option<Splice>, EditError> {
    let name = Segment::Item { field: "name".to_owned(), value: image.to_owned() };
    let mut segments = vec![Segment::Key("images".to_owned()), name];
    let entry = Path::new(segments.clone());
    segments.push(Segment::Key(field.key().to_owned()));
    let path = Path::new(segments);
    check_value(&path, field, value)?;

    let entry = lookup::only(stream, &entry)?;
    if field == KustomizeField::NewTag && !sets_digest(all, image) {
        not_pinned(stream, &entry).map_err(|stop| stop.at(&path))?;
    }
    match lookup::step(stream, entry.clone(), &path, path.segments().len() - 1) {
        Ok(found) => plan::set(stream, text, &found, &path, value),
        Err(Stop::Missing { .. }) => add(stream, text, &entry, &path, field, value).map(Some),
        Err(refused) => Err(refused.at(&path)),
    }
}

fn check_value(path: &Path, field: KustomizeField, value: &str) -> Result<(), EditError> {
    let refuse = |reason: &str| {
        Err(EditError::Value { path: path.to_string(), value: value.to_owned(), reason: reason.to_owned() })
    };
    if value.is_empty() {
        return refuse("it is empty, which kustomize takes for a field that is not set");
    }
    if field == KustomizeField::Digest && !is_digest(value) {
        return refuse("a digest is `sha256:` and 64 lower-case hexadecimal digits");
    }
    plan::check_value(path, value)
}

fn is_digest(value: &str) -> bool {
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    value.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}

fn sets_digest(all: &[Edit], name: &str) -> bool {
    all.iter().any(
        |edit| matches!(edit, Edit::Kustomize { image, field: KustomizeField::Digest, .. } if image == name),
    )
}

fn not_pinned(stream: &Stream, entry: &Found) -> Result<(), Stop> {
    if !matches!(stream.kind(entry.node), Kind::MappingStart { .. }) {
        return Ok(());
    }
    let Some(digest) = stream.get(entry.node, KustomizeField::Digest.key()) else { return Ok(()) };
    match stream.scalar(stream.resolved(digest)) {
        Some("" | "~" | "null") => Ok(()),
        _ => Err(Stop::Refused(stream.place(digest), Refusal::PinnedByDigest)),
    }
}

/// A new last field of an entry, written as the present last one is.
fn add(
    stream: &Stream,
    text: &str,
    entry: &Found,
    path: &Path,
    field: KustomizeField,
    value: &str,
) -> Result<Splice, EditError> {
    plan::not_shared(stream, entry).map_err(|stop| stop.at(path))?;
    lookup::no_duplicates(stream, entry.node).map_err(|stop| stop.at(path))?;
    let place = stream.place(entry.node);
    let last =
        Last::of(stream, text, entry.node).map_err(|why| Refusal::CannotAdd { why }.at(place, path))?;
    let separator = last.separator(text).map_err(|why| Refusal::CannotAdd { why }.at(place, path))?;
    let key = quote::render(field.key(), last.key_style, last.flow);
    let written = quote::render(value, last.value_style, last.flow);
    let at = if last.flow { last.value_end } else { line_end(text, last.value_end) };
    Ok(Splice {
        range: at..at,
        text: format!("{separator}{key}: {written}"),
        expect: Expect::Add { end: stream.end(entry.node), field },
        change: Change { path: path.to_string(), line: last.line, old: String::new(), new: value.to_owned() },
    })
}

/// The last field of an entry: the neighbour whose style a new one takes.
struct Last {
    flow: bool,
    key_start: usize,
    key_style: Style,
    value_end: usize,
    value_style: Style,
    line: usize,
}

impl Last {
    fn of(stream: &Stream, text: &str, entry: usize) -> Result<Self, &'static str> {
        let flow = plan::is_flow(stream, entry);
        if flow && !text[stream.event(entry).span.clone()].ends_with('{') {
            return Err("the entry is a pair without braces");
        }
        let (key, value) = stream.pairs(entry).last().ok_or("the entry has no field yet")?;
        let Kind::Scalar { style: key_style @ (Style::Plain | Style::Single | Style::Double), .. } =
            *stream.kind(key)
        else {
            return Err("the key of its last field is not a plain or quoted string");
        };
        let value_style = match stream.kind(value) {
            Kind::Alias(_) => Style::Plain,
            Kind::Scalar { style: Style::Literal | Style::Folded, .. } => {
                return Err("its last field is a block scalar");
            }
            Kind::Scalar { .. } if flow && stream.event(value).span.is_empty() => {
                return Err("its last field is empty");
            }
            Kind::Scalar { style, .. } => *style,
            _ => return Err("its last field is not a single value"),
        };
        let key_start = stream.event(key).span.start;
        let value = stream.event(value);
        Ok(Self {
            flow,
            key_start,
            key_style,
            value_end: value.span.end,
            value_style,
            line: value.place.line,
        })
    }

    /// What stands between the last field and a new one.
    fn separator(&self, text: &str) -> Result<String, &'static str> {
        let line_start = text[..self.key_start].rfind(['\r', '\n']).map_or(0, |at| at + 1);
        let before = &text[line_start..self.key_start];
        let rest = text[self.value_end..line_end(text, self.value_end)].trim();
        match self.flow {
            true if before.trim().is_empty() && matches!(rest, "" | ",") => {
                Ok(format!(",{}{before}", newline(text)))
            }
            true => Ok(", ".to_owned()),
            false if !before.bytes().all(|b| matches!(b, b' ' | b'-')) => {
                Err("its last field does not begin its line")
            }
            false if !rest.is_empty() && !rest.starts_with('#') => {
                Err("more follows on the line of its last field")
            }
            false => Ok(format!("{}{}", newline(text), " ".repeat(before.len()))),
        }
    }
}

/// The end of the line that holds the byte `at`, before its line break.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find(['\r', '\n']).map_or(text.len(), |length| at + length)
}

/// The file's line break, as its first line has it.
fn newline(text: &str) -> &'static str {
    match text.find(['\r', '\n']).map(|at| &text[at..]) {
        Some(rest) if rest.starts_with("\r\n") => "\r\n",
        Some(rest) if rest.starts_with('\r') => "\r",
        _ => "\n",
    }
}
