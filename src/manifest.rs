//! Stand-in for the manifest room.
mod path;
pub use path::{Path, PathError};
use std::fmt;
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
