//! A commit that is made through a forge's API.

use crate::git::Identity;

/// One commit to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesWrite {
    /// The branch whose head is the commit's parent. In an empty repository it is made.
    pub branch: String,
    /// A branch to make for the commit, instead of moving `branch`.
    pub new_branch: Option<String>,
    /// Subject, body and trailers.
    pub message: String,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
    /// The files that differ.
    pub files: Vec<FileWrite>,
}

/// One file's new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWrite {
    /// Relative to the repository's root.
    pub path: String,
    /// The id of the blob that it replaces, which must still be there; none for a file that must not be there.
    pub old_sha: Option<String>,
    /// The whole of the new file.
    pub content: Vec<u8>,
}

/// A commit that landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its id.
    pub commit: String,
}
