//! One writer of a write-back, as two handles: one for the task that waits for the answer, one for the lane that
//! works for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::request::{EditFn, Landed, WriteBack, WriteError};
use crate::git::GitError;
use crate::outcome::without_advice;
use crate::time_limits::Late;

/// The result for one writer.
pub(super) type Outcome = Result<Landed, WriteError>;

/// Whether the caller may still withdraw its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The caller may withdraw.
    Open,
    /// The change is in a push that has begun, so the caller waits for its end.
    Pushing,
    /// The caller has withdrawn its change.
    Withdrawn,
}

/// The state that both handles share.
#[derive(Debug)]
struct WriterState {
    phase: Phase,
    attempts: u32,
    /// How the last attempt ended.
    last: String,
    /// The commit that was sent, until the branch has been read again. It is empty if an API makes the commit.
    sent: Option<String>,
}

type Shared = Arc<Mutex<WriterState>>;

fn open(state: &Shared) -> MutexGuard<'_, WriterState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lane's handle of a writer.
pub(super) struct Writer {
    pub(super) request: Arc<WriteBack>,
    pub(super) edit: EditFn,
    state: Shared,
    reply: oneshot::Sender<Outcome>,
}

/// The caller's handle of a writer. Dropping it withdraws the change, unless its push has begun.
pub(super) struct WriterHandle {
    request: Arc<WriteBack>,
    state: Shared,
    reply: oneshot::Receiver<Outcome>,
}

/// Makes both handles for one request.
pub(super) fn pair(request: Arc<WriteBack>, edit: EditFn) -> (Writer, WriterHandle) {
    let limit = request.deadline.saturating_duration_since(Instant::now());
    let silent = Late::Whole { peer: "its server".to_owned(), limit };
    let last = format!("the branch was not read: {silent}");
    let state = Arc::new(Mutex::new(WriterState { phase: Phase::Open, attempts: 0, last, sent: None }));
    let (sender, receiver) = oneshot::channel();
    let writer = Writer { request: Arc::clone(&request), edit, state: Arc::clone(&state), reply: sender };
    (writer, WriterHandle { request, state, reply: receiver })
}

impl WriterHandle {
    /// Waits for the lane's answer, the deadline or a shutdown. The last two have no effect while a push is in
    /// progress.
    pub(super) async fn outcome(mut self) -> Outcome {
        let request = Arc::clone(&self.request);
        let ended = tokio::select! {
            biased;
            reply = &mut self.reply => return reply.unwrap_or_else(|_| Err(lost().into())),
            () = request.push_gate.closed() => stopped(&request, &open(&self.state)),
            () = sleep_until(request.deadline) => late(&request, &open(&self.state)),
        };
        if self.withdraw() {
            return Err(ended.into());
        }
        (&mut self.reply).await.unwrap_or_else(|_| Err(lost().into()))
    }

    fn withdraw(&self) -> bool {
        let mut state = open(&self.state);
        let free = state.phase == Phase::Open;
        if free {
            state.phase = Phase::Withdrawn;
        }
        free
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// Why a writer is removed from its lane.
pub(super) enum LeaveReason {
    /// The caller no longer waits for the answer.
    Cancelled,
    /// The writer ends with this error.
    Failed(GitError),
}

impl Writer {
    /// Counts the attempts of this writer, and adds one if this attempt is `new`.
    pub(super) fn attempt(&self, new: bool) -> u32 {
        let mut state = open(&self.state);
        state.attempts = (state.attempts + u32::from(new)).max(1);
        state.attempts
    }

    /// Records how an attempt ended, and lets the caller withdraw again.
    pub(super) fn reopen(&self, last: Option<&str>) {
        let mut state = open(&self.state);
        if state.phase == Phase::Pushing {
            state.phase = Phase::Open;
        }
        if let Some(last) = last {
            state.last = without_advice(&last);
        }
    }

    /// Marks the change as part of a push; `None` if the caller has withdrawn or a shutdown has begun.
    pub(super) fn begin_push(&self) -> Option<TaskTrackerToken> {
        let permit = self.request.push_gate.enter()?;
        let mut state = open(&self.state);
        if state.phase == Phase::Withdrawn || self.reply.is_closed() {
            return None;
        }
        state.phase = Phase::Pushing;
        Some(permit)
    }

    /// Why the writer ends before the server answers, if it does.
    pub(super) fn leave_reason(&self) -> Option<LeaveReason> {
        let state = open(&self.state);
        if state.phase == Phase::Pushing {
            return None;
        }
        if state.phase == Phase::Withdrawn || self.reply.is_closed() {
            return Some(LeaveReason::Cancelled);
        }
        if self.request.push_gate.is_closed() {
            return Some(LeaveReason::Failed(stopped(&self.request, &state)));
        }
        (Instant::now() >= self.request.deadline).then(|| LeaveReason::Failed(late(&self.request, &state)))
    }

    /// Records that a commit with its change was sent and that the outcome is unknown.
    pub(super) fn sent(&self, commit: &str) {
        open(&self.state).sent = Some(commit.to_owned());
    }

    /// Records that the branch was read after the push, so the outcome is known.
    pub(super) fn settled(&self) {
        open(&self.state).sent = None;
    }

    /// Ends the writer with an error. If it is unknown whether its change landed, the error says so instead.
    pub(super) fn fail(self, error: GitError) {
        let unknown = unknown(&self.request, &open(&self.state), &without_advice(&error));
        self.answer(Err(unknown.unwrap_or(error).into()));
    }

    /// Ends the writer with an answer.
    pub(super) fn answer(self, outcome: Outcome) {
        // The caller may have stopped waiting.
        let _ = self.reply.send(outcome);
    }
}

fn stopped(request: &WriteBack, state: &WriterState) -> GitError {
    let stopped = GitError::Stopped { repo: request.repo.to_string() };
    unknown(request, state, "the step was stopped").unwrap_or(stopped)
}

fn late(request: &WriteBack, state: &WriterState) -> GitError {
    unknown(request, state, &format!("the deadline came; the last try to read the branch: {}", state.last))
        .unwrap_or_else(|| GitError::Conflict {
            repo: request.repo.to_string(),
            branch: branch(request),
            attempts: state.attempts,
            last: state.last.clone(),
        })
}

/// The error for a commit that was sent, if it is unknown whether it landed.
fn unknown(request: &WriteBack, state: &WriterState, why: &str) -> Option<GitError> {
    let sent = state.sent.as_ref()?;
    // Through an API the server makes the commit, and the commit's id was in the lost answer.
    let commit = if sent.is_empty() { "our commit".to_owned() } else { format!("commit {sent}") };
    let (repo, branch, why) = (request.repo.to_string(), branch(request), why.to_owned());
    Some(GitError::Unknown { repo, branch, commit, why })
}

/// The branch that is written to.
fn branch(request: &WriteBack) -> String {
    request.head.as_ref().unwrap_or(&request.branch).clone()
}

/// The error for a lane that ended without an answer, which only a panic can cause.
fn lost() -> GitError {
    GitError::local("make the commit", "the task that makes commits ended early")
}
