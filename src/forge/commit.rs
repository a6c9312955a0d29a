//! Commits that are made through a forge's API.

use crate::git::Identity;

/// One commit to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesWrite {
    /// The branch whose tip is the commit's parent. In an empty repository it is created.
    pub branch: String,
    /// A new branch for the commit. `branch` is then not moved.
    pub new_branch: Option<String>,
    /// Subject, body and trailers.
    pub message: String,
    /// The commit's author.
    pub author: Identity,
    /// The commit's committer.
    pub committer: Identity,
    /// The changed files.
    pub files: Vec<FileWrite>,
}

/// One file's new content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileWrite {
    /// Relative to the repository's root.
    pub path: String,
    /// The id of the blob that is replaced, which must still be there. `None` if the file must not exist yet.
    pub old_sha: Option<String>,
    /// The complete new content.
    pub content: Vec<u8>,
}

/// A commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedCommit {
    /// Its id.
    pub commit: String,
}
