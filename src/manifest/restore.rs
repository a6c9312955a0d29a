//! Reverts an earlier change of a file, value by value, in a version of the file that may have changed since.

use std::collections::{BTreeMap, BTreeSet};

use super::error::EditError;
use super::located::{self, Found};
use super::parser::Kind;
use super::path::Path;
use super::stream::Stream;
use super::{address, input, lookup, object, trail};

/// The most values of one file that are restored. Each costs a search of the whole file.
const MAX: usize = 256;

/// A change of a file, and the present version of that file.
#[derive(Debug, Clone, Copy)]
pub struct Restore<'a> {
    /// The file before the change.
    pub old: &'a [u8],
    /// The file with the change.
    pub new: &'a [u8],
    /// The present file.
    pub now: &'a [u8],
    /// The addresses of the values to restore; `None` means all that the change set.
    pub only: Option<&'a BTreeSet<String>>,
}

/// Why a change is not reverted. Nothing is written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The file holds another value at this address than the change wrote.
    #[error("a newer commit has set `{0}`; look at that commit")]
    Changed(String),
    /// The change added fields, and the file is no longer the one that it wrote.
    #[error(
        "the commit has added fields to the file, and a newer commit has changed the file; remove them by hand"
    )]
    Added,
    /// A version of the file cannot be read as YAML.
    #[error(transparent)]
    Unreadable(#[from] EditError),
    /// The result differs from the present file in something else than the values.
    #[error("the old values cannot be put into the present file; set them by hand")]
    Unproven,
}

/// A version of a file, parsed.
struct Version<'a> {
    bom: &'a [u8],
    body: &'a str,
    stream: Stream,
}

impl<'a> Version<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, EditError> {
        let text = input::check(bytes)?;
        Ok(Self { bom: text.bom, body: text.body, stream: Stream::parse(text.body)? })
    }

    fn kind(&self, node: usize) -> &Kind {
        self.stream.kind(node)
    }

    /// The text of a scalar, with its anchor and tag.
    fn source(&self, node: usize) -> &'a str {
        self.body.get(self.stream.event(node).span.clone()).unwrap_or_default()
    }
}

/// The present file without the change. It is the present file itself if it holds the old values already.
///
/// A file that has not changed since gets its old bytes back. In any other file, the scalars that the change set get their old
/// text back, if each still has the value that the change wrote. The result is parsed again, and must differ from the present
/// file in exactly these scalars.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(change: &Restore<'_>) -> Result<Vec<u8>, RestoreError> {
    let Restore { old, new, now, only } = *change;
    if now == old {
        return Ok(now.to_vec());
    }
    if now == new && only.is_none() {
        return Ok(old.to_vec());
    }
    let (old, new, now) = (Version::read(old)?, Version::read(new)?, Version::read(now)?);
    let mut places = BTreeMap::new();
    for node in changed(&old.stream, &new.stream)? {
        let Some(place) = Place::of(&new.stream, node) else { return Err(RestoreError::Added) };
        let address = place.address();
        if only.is_some_and(|only| !only.contains(&address)) {
            continue;
        }
        match place.find(&now.stream) {
            Some(at) if now.kind(at) == new.kind(node) => drop(places.insert(at, node)),
            Some(at) if now.kind(at) == old.kind(node) => {}
            _ => return Err(RestoreError::Changed(address)),
        }
    }
    put_back(&old, &now, &places)
}

/// The scalars whose values differ. Their numbers are those of both versions.
fn changed(old: &Stream, new: &Stream) -> Result<Vec<usize>, RestoreError> {
    if old.events().len() != new.events().len() {
        return Err(RestoreError::Added);
    }
    let mut changed = Vec::new();
    for (node, (was, is)) in old.events().iter().zip(new.events()).enumerate() {
        match (&was.kind, &is.kind) {
            (was, is) if was == is => {}
            (Kind::Scalar { properties: was, .. }, Kind::Scalar { properties: is, .. }) if was == is => {
                changed.push(node);
            }
            _ => return Err(RestoreError::Added),
        }
    }
    if changed.len() > MAX { Err(RestoreError::Added) } else { Ok(changed) }
}

/// Puts the old scalars into the present file: `places` has the number of each in the present file, and in the old one.
fn put_back(
    old: &Version<'_>,
    now: &Version<'_>,
    places: &BTreeMap<usize, usize>,
) -> Result<Vec<u8>, RestoreError> {
    let (mut body, mut from) = (String::with_capacity(now.body.len()), 0);
    for (at, node) in places {
        let span = &now.stream.event(*at).span;
        body.push_str(now.body.get(from..span.start).unwrap_or_default());
        body.push_str(old.source(*node));
        from = span.end;
    }
    body.push_str(now.body.get(from..).unwrap_or_default());
    let result = Stream::parse(&body).map_err(|_| RestoreError::Unproven)?;
    let events = result.events().iter().zip(now.stream.events()).enumerate();
    let mut expected =
        events.map(|(at, (is, was))| is.kind == *places.get(&at).map_or(&was.kind, |node| old.kind(*node)));
    let is_proven = result.events().len() == now.stream.events().len() && expected.all(|is| is);
    if is_proven { Ok([now.bom, body.as_bytes()].concat()) } else { Err(RestoreError::Unproven) }
}

/// Where a scalar is, in a form that finds it in another version of the file.
struct Place {
    /// The name of the object in which the path starts, or the number of the document; see [`address`].
    before: String,
    path: Path,
    /// The number of documents.
    documents: usize,
}

impl Place {
    /// The place of a value. A key has none.
    fn of(stream: &Stream, node: usize) -> Option<Self> {
        let root = stream.roots().take_while(|root| *root <= node).last()?;
        let found = located::one(stream, root, node)?;
        let is_key =
            found.around.last().is_some_and(|parent| stream.is_mapping(*parent) && found.key.is_none());
        if is_key {
            return None;
        }
        let chain = found.chain();
        let (start, before) = address::beginning(stream, &chain);
        let path = chain[start..].windows(2).map(|pair| trail::segment(stream, pair[0], pair[1]));
        Some(Self { before, path: Path::new(path.collect()), documents: stream.roots().count() })
    }

    fn address(&self) -> String {
        format!("{}{}", self.before, self.path)
    }

    /// The scalar at this place of another version.
    fn find(&self, stream: &Stream) -> Option<usize> {
        let found = lookup::walk(stream, self.start(stream)?, &self.path).ok()?;
        stream.scalar(found.node).map(|_| found.node)
    }

    fn start(&self, stream: &Stream) -> Option<Found> {
        let number = match self.before.strip_prefix('#') {
            Some(number) => number.strip_suffix(':').and_then(|number| number.parse::<usize>().ok()),
            None => self.before.is_empty().then_some(0),
        };
        if let Some(number) = number {
            let roots = lookup::roots(stream);
            // A document that was added may have changed the numbers.
            return if roots.len() == self.documents { roots.into_iter().nth(number) } else { None };
        }
        let is_named = |found: &Found| {
            object::name(stream, found.node).is_some_and(|name| format!("{name}:") == self.before)
        };
        let mut named = object::all(stream).into_iter().filter(is_named);
        named.next().filter(|_| named.next().is_none())
    }
}
