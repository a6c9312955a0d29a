//! The commits below the heads of one repository, and the files that differ between them. All services of a group read them
//! through one store, so that two hundred services of one repository cost as many requests as one.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::Sweep;
use super::budget::Budget;
use super::servers::{Asked, GivenUp, given_up};
use crate::git::push_reader::{PushReader, PushedTrees};
use crate::git::store::LogEntry;
use crate::git::{Credentials, GitError, RepoUrl};
use crate::outcome::StepError;
use crate::selection::{Change, ChangedFiles, Uncompared, skip_mark};
use crate::write_back::message;

/// How many commits are read first, and how many if these do not decide.
pub(super) const DEPTHS: [u32; 2] = [50, 1000];
/// How many lines of commits are kept. Most services of a repository ask for the same one.
const LINES: usize = 4;
/// How many changes are kept.
const CHANGES: usize = 16;
/// The most bytes of file names in the changes that are kept.
const NAMES: usize = 8 << 20;
/// The most bytes of packs in one store. It may be in memory.
const STORED: usize = 128 << 20;

/// A repository, and what was read of it.
pub(super) struct Commits<'a> {
    repo: &'a RepoUrl,
    credentials: &'a Credentials,
    pub(super) budget: Budget,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    reader: Option<PushReader>,
    lines: VecDeque<(String, u32, Arc<Line>)>,
    changes: VecDeque<([String; 2], Arc<Change>)>,
}

/// The commits from a head down, newest first.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) commits: Vec<Seen>,
    /// Whether the last one is the first of the repository.
    pub(super) is_whole: bool,
}

/// What a decision needs to know of a commit.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) id: String,
    /// Whether it and all commits above it are write-backs of ours, with one parent each.
    pub(super) is_ours: bool,
    /// A mark that asks for no build, in the message of the newest commit that is not ours.
    pub(super) mark: Option<&'static str>,
}

impl<'a> Commits<'a> {
    pub(super) fn of(repo: &'a RepoUrl, credentials: &'a Credentials, budget: Budget) -> Self {
        Self { repo, credentials, budget, read: Mutex::default() }
    }

    /// The newest `depth` commits from `head` down.
    pub(super) async fn line(
        &self,
        sweep: &Sweep<'_>,
        head: &str,
        depth: u32,
    ) -> Result<Result<Arc<Line>, GitError>, StepError> {
        let read = &mut *self.read.lock().await;
        if let Some((.., line)) = read.lines.iter().find(|(of, deep, _)| of == head && *deep == depth) {
            return Ok(Ok(line.clone()));
        }
        let reader = self.reader(sweep, read).await?;
        let (log, is_cut) = match self.ask(sweep, reader.commits(head, depth)).await? {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        let own = self.own(sweep, read, &log).await?;
        let line = Arc::new(Line { commits: seen(&log, own), is_whole: !is_cut });
        keep(&mut read.lines, LINES, (head.to_owned(), depth, line.clone()));
        Ok(Ok(line))
    }

    /// Whether the branch `name` still names `commit`.
    pub(super) async fn is_head(
        &self,
        sweep: &Sweep<'_>,
        name: &str,
        commit: &str,
    ) -> Result<bool, StepError> {
        let head = self.ask(sweep, sweep.git.head(self.repo, self.credentials, name)).await??;
        Ok(head.as_deref() == Some(commit))
    }

    /// What differs between two commits.
    pub(super) async fn change(
        &self,
        sweep: &Sweep<'_>,
        before: &str,
        after: &str,
    ) -> Result<Arc<Change>, StepError> {
        self.compared(sweep, &mut *self.read.lock().await, before, after).await
    }

    /// How many of the newest commits of `log` are ours. Their messages say it, and only the files that these name differ from
    /// the commit below: who amends one of ours keeps its message.
    async fn own(&self, sweep: &Sweep<'_>, read: &mut Read, log: &[LogEntry]) -> Result<usize, StepError> {
        let said = log.iter().take_while(|commit| says_ours(commit)).count();
        // Each end stays on its side: the newest `own` commits are ours, and the newest `other` are not.
        let (mut own, mut other, mut asked) = (0, said + 1, said);
        while own + 1 < other {
            match log.get(asked) {
                Some(below) if !self.are_own(sweep, read, &log[..asked], below).await? => other = asked,
                _ => own = asked,
            }
            asked = own.midpoint(other);
        }
        Ok(own)
    }

    /// Whether the messages of `commits`, newest first, account for what differs from the commit `below` them. If that cannot be
    /// read, they count.
    async fn are_own(
        &self,
        sweep: &Sweep<'_>,
        read: &mut Read,
        commits: &[LogEntry],
        below: &LogEntry,
    ) -> Result<bool, StepError> {
        let Some(newest) = commits.first() else { return Ok(true) };
        let change = self.compared(sweep, read, &below.oid.to_string(), &newest.oid.to_string()).await?;
        Ok(match &*change {
            Change::Files(ChangedFiles(files)) => {
                message::account_for(commits.iter().map(|commit| commit.message.as_str()), files)
            }
            Change::Uncompared(Uncompared::TooManyFiles) => false,
            _ => true,
        })
    }

    async fn compared(
        &self,
        sweep: &Sweep<'_>,
        read: &mut Read,
        before: &str,
        after: &str,
    ) -> Result<Arc<Change>, StepError> {
        if let Some((_, change)) = read.changes.iter().find(|(ends, _)| *ends == [before, after]) {
            return Ok(change.clone());
        }
        let reader = self.reader(sweep, read).await?;
        let change = Arc::new(self.ask(sweep, compare(reader, before, after)).await??);
        keep(&mut read.changes, CHANGES, ([before.to_owned(), after.to_owned()], change.clone()));
        while read.changes.iter().map(|(_, change)| names(change)).sum::<usize>() > NAMES {
            read.changes.pop_front();
        }
        Ok(change)
    }

    /// The reader, with a new store if the old one is large.
    async fn reader<'r>(
        &self,
        sweep: &Sweep<'_>,
        read: &'r mut Read,
    ) -> Result<&'r mut PushReader, StepError> {
        let usable = read.reader.take().filter(|reader| reader.bytes() < STORED);
        let reader = match usable {
            Some(reader) => reader,
            None => PushReader::new(&sweep.git, self.repo, self.credentials).await?,
        };
        Ok(read.reader.insert(reader))
    }

    /// Asks the Git server in its turn, while there is time for its repository. A repository that takes too long says nothing about its
    /// server.
    async fn ask<T>(
        &self,
        sweep: &Sweep<'_>,
        request: impl Future<Output = Result<T, GitError>>,
    ) -> Result<Result<T, GitError>, StepError> {
        let host = self.repo.host_port();
        self.budget.check()?;
        let ask = async {
            match self.budget.within(request).await {
                Some(Err(error)) if error.is_unavailable() => Asked::Away(Some(Err(error))),
                answer => Asked::Answer(answer),
            }
        };
        let asked = sweep.git_servers.ask(&host, ask).await;
        asked.map_err(|GivenUp| given_up("Git server", &host))?.ok_or_else(|| self.budget.over())
    }
}

/// Whether a commit's message says that it is a write-back of ours.
fn says_ours(commit: &LogEntry) -> bool {
    commit.parents.len() == 1 && message::is_ours(&commit.message)
}

/// What a decision needs of a history, whose newest `own` commits are ours. The mark of a message that is ours counts for
/// nobody: it is there for the write-back.
fn seen(log: &[LogEntry], own: usize) -> Vec<Seen> {
    let of = |(nth, commit): (usize, &LogEntry)| Seen {
        id: commit.oid.to_string(),
        is_ours: nth < own,
        mark: if nth == own && !says_ours(commit) { skip_mark(&commit.message) } else { None },
    };
    log.iter().enumerate().map(of).collect()
}

fn keep<T>(kept: &mut VecDeque<T>, most: usize, item: T) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(item);
}

/// The bytes of the names in a change.
fn names(change: &Change) -> usize {
    match change {
        Change::Files(ChangedFiles(files)) => files.iter().map(Vec::len).sum(),
        _ => 0,
    }
}

async fn compare(reader: &mut PushReader, before: &str, after: &str) -> Result<Change, GitError> {
    Ok(match reader.trees(before, after).await? {
        PushedTrees::Both => match reader.changed(before, after).await? {
            Some(files) => Change::Files(ChangedFiles(files)),
            None => Change::Uncompared(Uncompared::TooManyFiles),
        },
        PushedTrees::UnknownBefore => Change::Uncompared(Uncompared::UnknownBefore),
        PushedTrees::TooLarge => Change::Uncompared(Uncompared::TooLarge),
    })
}
