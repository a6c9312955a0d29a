//! One caller of a write-back, seen from both sides: the task that waits, and the lane that works for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::request::{EditFn, Landed, WriteBack, WriteError};
use crate::git::GitError;
use crate::outcome::without_advice;
use crate::time_limits::Late;

/// How it ended for one writer.
pub(super) type Outcome = Result<Landed, WriteError>;

/// Whether the caller may still leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It may.
    Open,
    /// Its change is in a push that has begun: it waits for the end.
    Pushing,
    /// It has left.
    Withdrawn,
}

/// What both sides know.
#[derive(Debug)]
struct Ticket {
    phase: Phase,
    attempts: u32,
    /// How the last try ended.
    last: String,
    /// The commit that was sent, as long as the branch was not read since.
    sent: Option<String>,
}

type Shared = Arc<Mutex<Ticket>>;

fn open(ticket: &Shared) -> MutexGuard<'_, Ticket> {
    ticket.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lane's side.
pub(super) struct Writer {
    pub(super) request: Arc<WriteBack>,
    pub(super) edit: EditFn,
    ticket: Shared,
    reply: oneshot::Sender<Outcome>,
}

/// The caller's side. Dropped, it withdraws the change, unless its push has begun.
pub(super) struct Waiting {
    request: Arc<WriteBack>,
    ticket: Shared,
    reply: oneshot::Receiver<Outcome>,
}

/// Both sides of one request.
pub(super) fn pair(request: Arc<WriteBack>, edit: EditFn) -> (Writer, Waiting) {
    let limit = request.deadline.saturating_duration_since(Instant::now());
    let silent = Late::Whole { peer: "its server".to_owned(), limit };
    let last = format!("the branch was not read: {silent}");
    let ticket = Arc::new(Mutex::new(Ticket { phase: Phase::Open, attempts: 0, last, sent: None }));
    let (sender, receiver) = oneshot::channel();
    let writer = Writer { request: Arc::clone(&request), edit, ticket: Arc::clone(&ticket), reply: sender };
    (writer, Waiting { request, ticket, reply: receiver })
}

impl Waiting {
    /// Waits for the lane's answer, the deadline or a shutdown; the last two never while a push is on its way.
    pub(super) async fn outcome(mut self) -> Outcome {
        let request = Arc::clone(&self.request);
        let ended = tokio::select! {
            biased;
            reply = &mut self.reply => return reply.unwrap_or_else(|_| Err(lost().into())),
            () = request.push_gate.closed() => stopped(&request, &open(&self.ticket)),
            () = sleep_until(request.deadline) => late(&request, &open(&self.ticket)),
        };
        if self.withdraw() {
            return Err(ended.into());
        }
        (&mut self.reply).await.unwrap_or_else(|_| Err(lost().into()))
    }

    fn withdraw(&self) -> bool {
        let mut ticket = open(&self.ticket);
        let free = ticket.phase == Phase::Open;
        if free {
            ticket.phase = Phase::Withdrawn;
        }
        free
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// Why a writer takes no part in a push.
pub(super) enum Leaves {
    /// Nobody waits for its answer.
    Gone,
    /// What to answer.
    With(GitError),
}

impl Writer {
    /// How many tries there were with this one, which is a `new` one or goes on.
    pub(super) fn attempt(&self, new: bool) -> u32 {
        let mut ticket = open(&self.ticket);
        ticket.attempts = (ticket.attempts + u32::from(new)).max(1);
        ticket.attempts
    }

    /// Remembers how a try ended, and lets the caller leave again.
    pub(super) fn reopen(&self, last: Option<&str>) {
        let mut ticket = open(&self.ticket);
        if ticket.phase == Phase::Pushing {
            ticket.phase = Phase::Open;
        }
        if let Some(last) = last {
            ticket.last = without_advice(&last);
        }
    }

    /// From here on its change is in a push; `None` when the caller left or a shutdown began.
    pub(super) fn begin_push(&self) -> Option<TaskTrackerToken> {
        let permit = self.request.push_gate.enter()?;
        let mut ticket = open(&self.ticket);
        if ticket.phase == Phase::Withdrawn || self.reply.is_closed() {
            return None;
        }
        ticket.phase = Phase::Pushing;
        Some(permit)
    }

    /// Whether it ends here, short of an answer from the server.
    pub(super) fn leaves(&self) -> Option<Leaves> {
        let ticket = open(&self.ticket);
        if ticket.phase == Phase::Pushing {
            return None;
        }
        if ticket.phase == Phase::Withdrawn || self.reply.is_closed() {
            return Some(Leaves::Gone);
        }
        if self.request.push_gate.is_closed() {
            return Some(Leaves::With(stopped(&self.request, &ticket)));
        }
        (Instant::now() >= self.request.deadline).then(|| Leaves::With(late(&self.request, &ticket)))
    }

    /// A commit with its change was sent, and it is not known whether it landed.
    pub(super) fn sent(&self, commit: &str) {
        open(&self.ticket).sent = Some(commit.to_owned());
    }

    /// The branch was read since: what was sent has landed, or has not.
    pub(super) fn settled(&self) {
        open(&self.ticket).sent = None;
    }

    /// Ends it with an error, which is not the whole truth while it is not known whether its change landed.
    pub(super) fn fail(self, error: GitError) {
        let unknown = unknown(&self.request, &open(&self.ticket), &without_advice(&error));
        self.answer(Err(unknown.unwrap_or(error).into()));
    }

    /// Ends it.
    pub(super) fn answer(self, outcome: Outcome) {
        // Nobody may be waiting any more.
        let _ = self.reply.send(outcome);
    }
}

fn stopped(request: &WriteBack, ticket: &Ticket) -> GitError {
    let stopped = GitError::Stopped { repo: request.repo.to_string() };
    unknown(request, ticket, "this server shut down").unwrap_or(stopped)
}

fn late(request: &WriteBack, ticket: &Ticket) -> GitError {
    unknown(request, ticket, &format!("the deadline came; the last try to read the branch: {}", ticket.last))
        .unwrap_or_else(|| GitError::Conflict {
            repo: request.repo.to_string(),
            branch: branch(request),
            attempts: ticket.attempts,
            last: ticket.last.clone(),
        })
}

/// What to say of a commit that was sent, if it is not known whether it landed.
fn unknown(request: &WriteBack, ticket: &Ticket, why: &str) -> Option<GitError> {
    let sent = ticket.sent.as_ref()?;
    // Through an API the server makes the commit, and its id was in the answer that was lost.
    let commit = if sent.is_empty() { "our commit".to_owned() } else { format!("commit {sent}") };
    let (repo, branch, why) = (request.repo.to_string(), branch(request), why.to_owned());
    Some(GitError::Unknown { repo, branch, commit, why })
}

/// The branch that is written.
fn branch(request: &WriteBack) -> String {
    request.head.as_ref().unwrap_or(&request.branch).clone()
}

/// The lane ended without an answer, which only a panic in it can cause.
fn lost() -> GitError {
    GitError::local("make the commit", "the task that makes commits ended early")
}
