//! What a push changed.

use super::GitRef;

/// What a push changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The ref was deleted.
    Deleted,
    /// Every pushed commit is a write-back of this program; their number.
    OwnCommits(usize),
    /// The newest commit that is not ours asks for no build, with this mark.
    SkipMark(&'static str),
    /// Both ends were compared.
    Files(ChangedFiles),
    /// The ends were not compared, so every file counts as changed.
    Uncompared(Uncompared),
}

/// The paths that differ between two commits, as Git lists them without renames: sorted bytes, no path twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedFiles(pub Vec<Vec<u8>>);

/// Why two commits were not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncompared {
    /// The ref is new, so there is nothing before it.
    NewRef,
    /// A tag is a release: it is built whatever changed before it.
    Tag,
    /// No commit below has an image, as far as they were read.
    NoImage,
    /// The push begins and ends at the same commit, as with a forge's button to test a hook.
    SameCommit,
    /// The server does not have the commit before the push any more.
    UnknownBefore,
    /// More files changed than are compared.
    TooManyFiles,
    /// The server has no filters, and sends too much without them.
    TooLarge,
    /// The ids are SHA-256.
    Sha256,
}

impl Uncompared {
    /// The reason, in a sentence about `git_ref`.
    pub(super) fn of(self, git_ref: &GitRef) -> String {
        match self {
            Self::NewRef => format!("{git_ref} is new"),
            Self::Tag => format!("{git_ref} was pushed, and tags are built whatever changed"),
            Self::NoImage => format!("none of the commits before has an image ({git_ref})"),
            Self::SameCommit => "the push begins and ends at the same commit".to_owned(),
            Self::UnknownBefore => "the server does not have the commit before the push".to_owned(),
            Self::TooManyFiles => "more files changed than are compared".to_owned(),
            Self::TooLarge => {
                "the server sends too much for a comparison (turn on `uploadpack.allowFilter` there)"
                    .to_owned()
            }
            Self::Sha256 => "SHA-256 repositories are not compared".to_owned(),
        }
    }
}

impl ChangedFiles {
    /// A path for people and for JSON: bytes that are no UTF-8 are replaced.
    pub fn shown(path: &[u8]) -> String {
        String::from_utf8_lossy(path).into_owned()
    }
}
