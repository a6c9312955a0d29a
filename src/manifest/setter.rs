//! Flux's setter comments: `image: a/b:v1 # {"$imagepolicy": "NAMESPACE:POLICY"}`.
//!
//! A comment belongs to the scalar before it on its line, as in Flux (fluxcd.io, "Image Update Automations",
//! "Commit and push updates"). A part after a third colon, `tag`, `name` or `digest`, sets only that part.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::error::{EditError, NamedPositions, Position, Refusal};
use super::file::File;
use super::located::{self, Found};
use super::parser::Kind;
use super::reference::{Reference, Version};
use super::shape::{DIGESTS, Keys};
use super::splice::Splice;
use super::{Edit, FileProblem, scalar};

pub(super) const KEY: &str = "$imagepolicy";

/// A scalar and the setter in its comment.
struct SetterComment {
    node: usize,
    setter: String,
}

/// The splices that set every scalar whose comment names `setter`.
pub(super) fn plan(
    file: &File<'_>,
    setter: &str,
    edit: &Edit,
    label: &str,
) -> Result<Vec<Splice>, EditError> {
    let wanted = Reference::wanted(edit, label)?;
    let all = marked(file);
    let place = |node| file.stream.place(node);
    let hits: Vec<&SetterComment> = all.iter().filter(|marked| fits(&marked.setter, setter)).collect();
    if hits.is_empty() {
        if file.stream.events().is_empty() {
            return Err(FileProblem::Blank.at(Position::START));
        }
        let has = NamedPositions::of(all.iter().map(|marked| (place(marked.node), marked.setter.clone())));
        return Err(Refusal::NoSuch { what: "setter comment", has }.at(Position::START, label));
    }
    let mut splices = Vec::new();
    let nodes: Vec<usize> = hits.iter().map(|marked| marked.node).collect();
    let mut pinned = Pinned { file, marked: nodes.iter().copied().collect(), known: HashMap::new() };
    for (marked, found) in hits.iter().zip(located::all(&file.stream, &nodes)) {
        if marked.setter.ends_with(":tag") && pinned.has(&found) && wanted.tag != scalar_of(file, marked) {
            return Err(Refusal::PinnedByDigest.at(place(marked.node), label));
        }
        let value = value(&wanted, &marked.setter, file.stream.scalar(marked.node).unwrap_or_default())
            .map_err(|refusal| refusal.at(place(marked.node), label))?;
        splices.extend(scalar::set(file, &found, &value, label, false)?);
    }
    Ok(splices)
}

fn scalar_of<'a>(file: &'a File<'_>, marked: &SetterComment) -> Option<&'a str> {
    file.stream.scalar(marked.node)
}

/// The mappings in which a digest pins the image.
struct Pinned<'a> {
    file: &'a File<'a>,
    /// The scalars that the setter sets.
    marked: HashSet<usize>,
    /// The answers so far: a mapping may have many comments.
    known: HashMap<usize, bool>,
}

impl Pinned<'_> {
    /// Whether a digest beside the tag at `found` pins the image, and no setter comment updates that digest.
    fn has(&mut self, found: &Found) -> bool {
        let Some(&mapping) = found.around.last() else { return false };
        let Self { file, marked, known } = self;
        *known.entry(mapping).or_insert_with(|| {
            let follows =
                |key: &str| file.stream.get(mapping, key).is_some_and(|node| marked.contains(&node));
            Keys::of(&file.stream, mapping).pins(DIGESTS).any(|key| !follows(key))
        })
    }
}

/// The setters that comments of the file name.
pub(super) fn all(file: &File<'_>) -> BTreeSet<String> {
    marked(file).into_iter().map(|marked| marked.setter).collect()
}

/// Whether one of `comments` names `setter`, or a part of it.
pub(super) fn is_among(comments: &BTreeSet<String>, setter: &str) -> bool {
    PARTS.iter().any(|part| comments.contains(&format!("{setter}{part}")))
}

/// What a comment may write after the setter.
const PARTS: [&str; 4] = ["", ":tag", ":name", ":digest"];

/// Whether a comment's setter is the target's setter, or a part of it.
fn fits(comment: &str, setter: &str) -> bool {
    let part = comment.strip_prefix(setter);
    part.is_some_and(|part| PARTS.contains(&part))
}

fn value(wanted: &Reference<'_>, setter: &str, old: &str) -> Result<String, Refusal> {
    let lacks = |part| Refusal::LacksPart { part };
    match setter.splitn(3, ':').nth(2) {
        // A tag may contain a digest, which pins the image like a digest of its own.
        Some("tag") if old.contains('@') => Ok(wanted.version().over(Version::in_tag(old))?.as_tag()),
        Some("tag") => wanted.tag.map(str::to_owned).ok_or(lacks("tag")),
        Some("digest") => wanted.digest.map(str::to_owned).ok_or(lacks("digest")),
        // `:tag` and `@digest` alone keep the name.
        Some(_) if wanted.name.is_empty() => Ok(old.to_owned()),
        Some(_) => Ok(wanted.name.to_owned()),
        None => match wanted.over(old)? {
            image if image.starts_with([':', '@']) => Err(lacks("name")),
            image => Ok(image),
        },
    }
}

/// All scalars with a setter comment, in the order of the file.
fn marked(file: &File<'_>) -> Vec<SetterComment> {
    let events = file.stream.events();
    let mut marked = Vec::new();
    // A scalar has one comment, which may contain several markers.
    let mut seen = None;
    let mut rest = events.iter().enumerate().peekable();
    let mut last = None;
    for (at, _) in file.text.match_indices(KEY) {
        while let Some((node, event)) = rest.next_if(|(_, event)| event.span.start <= at) {
            last = if matches!(event.kind, Kind::Scalar { .. } | Kind::Alias(_)) { Some(node) } else { last };
        }
        let Some(node) = last else { continue };
        if seen.replace(node) == Some(node) {
            continue;
        }
        let end = events[node].span.end;
        let Some(between) = file.text.get(end..at) else { continue };
        let comment = between.trim_start_matches([' ', '\t']);
        if between.contains(['\r', '\n']) || comment.len() == between.len() || !comment.starts_with('#') {
            continue;
        }
        let comment = &file.text[end..file.line_end(at)];
        let setter = serde_json::from_str(comment.trim_start().trim_start_matches('#'));
        let setter = setter.ok().and_then(|mut map: BTreeMap<String, String>| map.remove(KEY));
        marked.extend(setter.map(|setter| SetterComment { node, setter }));
    }
    marked
}
