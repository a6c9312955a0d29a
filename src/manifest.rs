//! Byte-exact edits of YAML manifests: bytes in, bytes out, no I/O.
//!
//! An edit finds one scalar, replaces its bytes, and proves the result: the new file is parsed again and
//! must differ from the old one in exactly the scalars that were asked for. Comments, quotes, indentation,
//! anchors, line endings, a BOM and a missing final newline stay as they are, because nothing else is
//! written. Whatever cannot be proven, or would reach further than its path says, is refused.
//!
//! ```text
//! input → parser → stream → lookup → plan (+ quote) → splice → proof
//! ```

mod diff;
mod error;
mod input;
mod kustomize;
mod lookup;
mod parser;
mod path;
mod plan;
mod proof;
mod quote;
mod splice;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt;

pub use diff::unified_diff;
pub use error::{EditError, FileProblem, Missing, Place, Refusal};
pub use path::{Path, PathError};

use splice::Splice;
use stream::Stream;

/// One value to set in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A scalar of a Helm values file at a path such as `image.tag`.
    Helm {
        /// Where the scalar stands.
        path: Path,
        /// The string that it shall hold.
        value: String,
    },
    /// A field of the `images[]` entry named `image` in a kustomization. A field that the entry lacks is
    /// added after its last one.
    Kustomize {
        /// The entry's `name`, compared as a whole.
        image: String,
        /// Which field of the entry.
        field: KustomizeField,
        /// The string that it shall hold; a digest is `sha256:` and 64 hexadecimal digits.
        value: String,
    },
}

/// What an `images[]` entry can set, in kustomize's spelling (kustomize, api/types/image.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KustomizeField {
    /// `newTag`. Refused on an entry that keeps a `digest`: kustomize would write `name:newTag@digest`
    /// (api/filters/imagetag/updater.go), and the digest alone decides what runs.
    NewTag,
    /// `newName`.
    NewName,
    /// `digest`. An existing `newTag` stays: current kustomize writes `name:newTag@digest`, older releases
    /// leave the tag out (kustomize issue 5664), and both run the digest.
    Digest,
}

impl KustomizeField {
    /// The key as kustomize spells it.
    pub fn key(self) -> &'static str {
        match self {
            Self::NewTag => "newTag",
            Self::NewName => "newName",
            Self::Digest => "digest",
        }
    }
}

impl fmt::Display for KustomizeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// A file after its edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Whether `bytes` differ from the input; if not, there is nothing to commit.
    pub changed: bool,
    /// What changed, in the order of the file; edits whose value was already there are left out.
    pub changes: Vec<Change>,
}

/// One scalar that an edit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path, as [`Path`] displays it.
    pub path: String,
    /// The line in the old file, from 1; for an added field the line after which it stands.
    pub line: usize,
    /// The old value; empty when it was null or the field is new.
    pub old: String,
    /// The new value.
    pub new: String,
}

/// Makes every edit in `input`, or none.
///
/// A scalar that already holds the value as a string is left alone. One that only looks alike is not:
/// `tag: 1.20` is a number, which Helm renders as `1.2`, so setting it to `1.20` quotes it.
///
/// # Errors
///
/// [`EditError`] says what was refused, where and why, in the order of `edits`; nothing is written then.
pub fn apply(input: &[u8], edits: &[Edit]) -> Result<Edited, EditError> {
    let text = input::check(input)?;
    let stream = Stream::parse(text.body)?;
    let mut splices = Vec::with_capacity(edits.len());
    for edit in edits {
        splices.extend(plan::plan(&stream, text.body, edit, edits)?);
    }
    let splices = splice::in_file_order(splices, &stream)?;
    if splices.is_empty() {
        return Ok(Edited { bytes: input.to_vec(), changed: false, changes: Vec::new() });
    }
    let body = splice::join(text.body, &splices);
    proof::verify(&stream, &body, &splices)?;
    let bytes = [text.bom, body.as_bytes()].concat();
    Ok(Edited { changed: true, changes: splices.into_iter().map(Splice::into_change).collect(), bytes })
}
