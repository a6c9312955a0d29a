//! Reads for a write-back before it is asked for.

use tokio::time::Instant;

use super::Pusher;
use super::ahead::Ahead;
use super::idle::{Idle, Warm};
use super::look::look;
use crate::git::file_spec::FileSpec;
use crate::git::read::{Branches, Reach, Reader};
use crate::git::{Credentials, GitError, RepoUrl};
use crate::limits::Held;

/// What to read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The repository.
    pub repo: RepoUrl,
    /// A login that may read it.
    pub credentials: Credentials,
    /// The branch.
    pub branch: String,
    /// The files that will be edited.
    pub files: Vec<FileSpec>,
    /// Whether it will be asked which source commits were written.
    pub source: bool,
    /// Whether the branch itself will be pushed to.
    pub pushes: bool,
}

/// What was read. It is of use once it is handed over; dropped, it is forgotten.
#[must_use]
pub struct ReadAhead {
    idle: Idle,
    warm: Warm,
    held: Held,
}

impl Pusher {
    /// Reads for a write-back that is to come; nothing where there is no memory to keep it.
    ///
    /// # Errors
    /// Those of [`Pusher::write_back`], which will ask again.
    pub async fn read_ahead(&self, reading: Reading) -> Result<Option<ReadAhead>, GitError> {
        let Reading { repo, credentials, branch, files, source, pushes } = reading;
        let branches = Branches { repo, credentials, base: branch, head: None };
        let mut warm = match self.idle.take(&branches) {
            Some(warm) => warm,
            None => Warm::new(Reader::new(&self.git, branches).await?),
        };
        let reader = &mut warm.reader;
        let (tips, receive_pack) = look(&self.git, reader, pushes).await?;
        let read = Instant::now();
        reader.checkout(&tips.base).await?;
        let found = reader.select(&tips.base, vec![files]).await?;
        let entries: Vec<_> = found.into_iter().filter_map(Result::ok).flatten().collect();
        reader.sizes(&tips.base, &entries).await?;
        if source {
            reader.history(&tips.base, Reach::Near).await?;
        }
        warm.ahead = receive_pack.map(|open| Ahead::new(tips, Some(open), read));
        reader.forget_old_refs();
        let held = self.idle.hold(&warm.reader);
        Ok(held.map(|held| ReadAhead { idle: self.idle.clone(), warm, held }))
    }
}

impl ReadAhead {
    /// Gives it to the next write-back of the same branch by the same login.
    pub fn hand_over(self) {
        let Self { idle, warm, held } = self;
        drop(held);
        idle.put(warm);
    }
}

impl std::fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadAhead")
    }
}
