//! Reads what a push changed, with at most three requests to the Git server.

use super::Engine;
use super::context::Cx;
use crate::git::push_reader::{PushReader, PushedTrees};
use crate::outcome::StepError;
use crate::selection::{Change, ChangedFiles, GitRef, Uncompared, skip_mark};
use crate::step::select::Push;
use crate::write_back::message;

/// What the pushed commits say themselves.
enum Commits {
    /// Every one has our trailers; their messages.
    Ours(Vec<String>),
    /// The message of the newest one that is not ours, if it was read.
    Foreign(Option<String>),
}

impl Engine {
    /// Reads what `push` changed.
    pub(super) async fn change(&self, cx: &Cx, push: &Push) -> Result<Change, StepError> {
        let Some(after) = &push.after else { return Ok(Change::Deleted) };
        let before = push.before.as_ref();
        // These need no request.
        let why = match &push.git_ref {
            GitRef::Tag(_) => Some(Uncompared::Tag),
            _ if before == Some(after) => Some(Uncompared::SameCommit),
            _ if after.len() == 64 => Some(Uncompared::Sha256),
            _ => None,
        };
        if let Some(why) = why {
            return Ok(Change::Uncompared(why));
        }
        cx.now(format!("comparing the commits of the push to {}", push.repo));
        let credentials = self.git_credentials(cx, &push.repo, push.secret.as_ref()).await?;
        let git = self.tenant_git(cx);
        let mut reader = PushReader::new(&git, &push.repo, &credentials).await?;
        let Some(before) = before.filter(|before| before.len() == after.len()) else {
            reader.commit(after).await?;
            return uncompared(&reader, after, Uncompared::NewRef).await;
        };
        match reader.trees(before, after).await? {
            PushedTrees::Both => compared(&mut reader, before, after).await,
            PushedTrees::UnknownBefore => uncompared(&reader, after, Uncompared::UnknownBefore).await,
            PushedTrees::TooLarge => Ok(Change::Uncompared(Uncompared::TooLarge)),
        }
    }
}

/// The change if there is nothing to compare with. The newest commit's mark counts, unless we wrote that commit: which ones were
/// pushed with it is unknown.
async fn uncompared(reader: &PushReader, after: &str, why: Uncompared) -> Result<Change, StepError> {
    let log = reader.log(after).await?;
    let newest = log.first().filter(|commit| !message::is_ours(&commit.message));
    let mark = newest.and_then(|commit| skip_mark(&commit.message));
    Ok(mark.map_or(Change::Uncompared(why), Change::SkipMark))
}

async fn compared(reader: &mut PushReader, before: &str, after: &str) -> Result<Change, StepError> {
    let commits = commits(reader, before, after).await?;
    if let Commits::Foreign(Some(text)) = &commits
        && let Some(mark) = skip_mark(text)
    {
        return Ok(Change::SkipMark(mark));
    }
    let Some(files) = reader.changed(before, after).await? else {
        return Ok(Change::Uncompared(Uncompared::TooManyFiles));
    };
    Ok(match commits {
        Commits::Ours(messages) if message::account_for(messages.iter().map(String::as_str), &files) => {
            Change::OwnCommits(messages.len())
        }
        _ => Change::Files(ChangedFiles(files)),
    })
}

/// Follows the commits from `after` down while they are ours. A write-back has one parent. Only if the newest commit is ours, and
/// is not the only one, their history costs a request.
async fn commits(reader: &mut PushReader, before: &str, after: &str) -> Result<Commits, StepError> {
    let (mut next, mut ours, mut has_history) = (after.to_owned(), Vec::new(), false);
    while next != before {
        let mut log = reader.log(&next).await?;
        if log.is_empty() && !has_history {
            has_history = true;
            reader.history(after).await?;
            log = reader.log(&next).await?;
        }
        let Some(commit) = log.into_iter().next() else { return Ok(Commits::Foreign(None)) };
        match commit.parents.as_slice() {
            [parent] if message::is_ours(&commit.message) => {
                next = parent.to_string();
                ours.push(commit.message);
            }
            _ => return Ok(Commits::Foreign(Some(commit.message))),
        }
    }
    Ok(Commits::Ours(ours))
}
