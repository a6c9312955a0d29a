//! Byte-exact edits of YAML manifests: bytes in, bytes out, no I/O.
//!
//! An edit finds one scalar, replaces its bytes, and proves the result: the new file is parsed again and
//! must differ from the old one in exactly the scalars that were asked for. Comments, quotes, indentation,
//! anchors, line endings, a BOM and a missing final newline stay as they are, because nothing else is
//! written. An edit is refused when it cannot be proven, or when it would change more than its path names.
//! ```text
//! input → parser → stream → lookup → scalar (+ quote, lines), create → reach → image (+ shape) → plan → splice → proof
//! ```

mod addable;
mod address;
mod append;
mod argocd;
mod container;
mod create;
mod diff;
pub(crate) mod documents;
mod embedded;
mod error;
mod file;
mod image;
mod input;
mod kustomize;
mod lines;
mod located;
mod lookup;
mod merge;
mod missing;
mod notes;
mod object;
mod parser;
mod path;
mod pattern;
mod pinned;
mod plan;
mod proof;
pub(crate) mod quote;
mod reach;
mod reference;
mod restore;
mod round;
mod scalar;
mod setter;
mod shape;
mod shared;
mod splice;
mod stream;
mod target;
#[cfg(test)]
mod tests;
mod trail;
mod words;

pub use diff::unified_diff;
pub use error::{EditError, FileProblem, Hint, Missing, NamedPositions, Position, Refusal};
pub use notes::Warning;
pub use path::{Path, PathError};
pub use restore::{Restore, RestoreError, restore};
pub use target::{Application, KustomizeField, Object, SourceRef, Target, TargetError};
pub use words::image_words;

use std::collections::BTreeSet;

use file::File;
use round::Rounds;
use stream::Stream;

/// One value to set in one file. It is parsed from `TARGET=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The scalar to set.
    pub target: Target,
    /// The new string; for images and setters an image reference.
    pub value: String,
    /// Whether missing keys on the path are added. Without it, a missing key is refused.
    pub create: bool,
    /// Whether a value that aliases use is changed for all of them. Without it, such an edit is refused.
    pub shared: bool,
}

impl Edit {
    /// An edit that neither adds missing keys nor changes what aliases use.
    pub fn new(target: Target, value: impl Into<String>) -> Self {
        Self { target, value: value.into(), create: false, shared: false }
    }
}

/// A file after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Whether `bytes` differ from the input. If they do not, there is nothing to commit.
    pub changed: bool,
    /// What changed, in the order of the file; edits whose value was already there are left out.
    pub changes: Vec<Change>,
    /// The addresses of the scalars that the edits set, including those that already held their value. Edits that
    /// name one scalar in different ways have one address. Empty when the edits set more than 256 scalars.
    pub addresses: BTreeSet<String>,
    /// Warnings for the author of the edits: a tag beside a digest that still decides which image runs, or the
    /// places that change with an anchor.
    pub warnings: BTreeSet<Warning>,
}

/// One scalar that an edit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path, as [`Path`] displays it.
    pub path: String,
    /// The line in the old file, from 1. For an added field, the line after which it is added.
    pub line: usize,
    /// The old value; empty when it was null or the field is new.
    pub old: String,
    /// The new value.
    pub new: String,
}

/// Makes every edit in `input`, or none.
///
/// A scalar that already holds the value as a string is not changed. A scalar that only looks the same is changed:
/// `tag: 1.20` is a number, which Helm renders as `1.2`, so setting it to `1.20` quotes it.
///
/// # Errors
///
/// [`EditError`] says what was refused, where and why, in the order of `edits`. Nothing is written then.
pub fn apply(input: &[u8], edits: &[Edit]) -> Result<Edited, EditError> {
    apply_within(round::MAX_WORK, input, edits)
}

/// [`apply`] with the given limit of [work](round::MAX_WORK).
fn apply_within(work: usize, input: &[u8], edits: &[Edit]) -> Result<Edited, EditError> {
    let text = input::check(input)?;
    let mut rounds = Rounds::of(edits, work);
    let mut edited = Edited {
        bytes: input.to_vec(),
        changed: false,
        changes: Vec::new(),
        addresses: BTreeSet::new(),
        warnings: BTreeSet::new(),
    };
    let mut body = text.body.to_owned();
    let mut stream = Stream::parse(&body)?;
    let json = file::is_json(&body);
    loop {
        let file = File::new(&body, stream, json);
        let splices = rounds.next(&file, edits)?;
        edited.addresses.extend(file.addresses.all());
        let verified = match splices.as_slice() {
            [] => None,
            splices => {
                let new = splice::join(&body, splices);
                Some((proof::verify(&file, &new, splices)?, new))
            }
        };
        edited.warnings.extend(file.notes.into_all());
        let Some((verified, new)) = verified else { return Ok(edited) };
        stream = verified;
        edited.bytes = [text.bom, new.as_bytes()].concat();
        edited.changed = true;
        edited.changes.extend(splices.into_iter().map(|splice| splice.change));
        body = new;
    }
}

/// Which targets concern a file among several: a setter concerns the files with its comment, and any other target every
/// file. So does every target a file that cannot be read but has such a comment.
#[derive(Debug, Clone)]
pub struct Concerns {
    /// The setters in the file's comments; `None` if the file cannot be read.
    setters: Option<BTreeSet<String>>,
}

impl Concerns {
    /// Reads the comments of the file `input`.
    pub fn of(input: &[u8]) -> Self {
        if !input.windows(setter::KEY.len()).any(|bytes| bytes == setter::KEY.as_bytes()) {
            return Self { setters: Some(BTreeSet::new()) };
        }
        let setters = || {
            let text = input::check(input).ok()?;
            Some(setter::all(&File::new(text.body, Stream::parse(text.body).ok()?, false)))
        };
        Self { setters: setters() }
    }

    /// Whether `target` concerns the file.
    pub fn has(&self, target: &Target) -> bool {
        match (target, &self.setters) {
            (Target::Setter(setter), Some(setters)) => setter::is_among(setters, setter),
            _ => true,
        }
    }
}

/// The addresses of the scalars that `target` can set and that exist in `input`. Empty when the file cannot be read.
pub fn addresses(input: &[u8], target: &Target) -> BTreeSet<String> {
    let parsed = || {
        let text = input::check(input).ok()?;
        Some((text.body.to_owned(), Stream::parse(text.body).ok()?))
    };
    let Some((body, stream)) = parsed() else { return BTreeSet::new() };
    let json = file::is_json(&body);
    let file = File::new(&body, stream, json);
    let edit = Edit { shared: true, ..Edit::new(target.clone(), target.example()) };
    // An error only stops the search for further scalars. The scalars found before it are already recorded.
    let _ = plan::plan(&file, &edit, std::slice::from_ref(&edit));
    file.addresses.all()
}
