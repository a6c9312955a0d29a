//! Reads ahead for a write-back that will be requested later.

use tokio::time::Instant;

use super::Pusher;
use super::idle::{Idle, StoreContents};
use super::read_tips::read_tips;
use super::tips_read_ahead::TipsReadAhead;
use crate::git::file_spec::FileSpec;
use crate::git::read::{BranchReader, Branches, HistoryDepth};
use crate::git::{Credentials, GitError, RepoUrl};
use crate::limits::Held;

/// What to read ahead.
#[derive(Debug, Clone)]
pub struct ReadAheadRequest {
    /// The repository's address.
    pub repo: RepoUrl,
    /// A login that may read the repository.
    pub credentials: Credentials,
    /// The branch to read.
    pub branch: String,
    /// The files that will be edited.
    pub files: Vec<FileSpec>,
    /// Whether the write-back will need the source commits in the branch's history.
    pub source: bool,
    /// Whether the write-back will push to the branch itself.
    pub pushes: bool,
}

/// The data that was read ahead. It takes effect when it is handed over; dropping it discards it.
#[must_use]
pub struct ReadAhead {
    idle: Idle,
    contents: StoreContents,
    held: Held,
}

impl Pusher {
    /// Reads ahead for a later write-back. Returns `None` if there is no memory to keep the data.
    ///
    /// # Errors
    /// The same as [`Pusher::write_back`], which will read again.
    pub async fn read_ahead(&self, request: ReadAheadRequest) -> Result<Option<ReadAhead>, GitError> {
        let ReadAheadRequest { repo, credentials, branch, files, source, pushes } = request;
        let branches = Branches { repo, credentials, base: branch, head: None };
        let mut contents = match self.idle.take(&branches) {
            Some(contents) => contents,
            None => StoreContents::new(BranchReader::new(&self.git, branches).await?),
        };
        let reader = &mut contents.reader;
        let (tips, receive_pack) = read_tips(&self.git, reader, pushes).await?;
        let read = Instant::now();
        reader.checkout(&tips.base).await?;
        let found = reader.select(&tips.base, vec![files]).await?;
        let entries: Vec<_> = found.into_iter().filter_map(Result::ok).flatten().collect();
        reader.sizes(&tips.base, &entries).await?;
        if source {
            reader.history(&tips.base, HistoryDepth::Short).await?;
        }
        contents.ahead = receive_pack.map(|open| TipsReadAhead::new(tips, Some(open), read));
        reader.drop_stateful_session();
        let held = self.idle.hold(&contents.reader);
        Ok(held.map(|held| ReadAhead { idle: self.idle.clone(), contents, held }))
    }
}

impl ReadAhead {
    /// Gives the data to the next write-back to the same branch with the same login.
    pub fn hand_over(self) {
        let Self { idle, contents, held } = self;
        drop(held);
        idle.put(contents);
    }
}

impl std::fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadAhead")
    }
}
