//! A lane's task: read the tip, apply the edits of all writers, and push one commit if the tip has not moved.
//!
//! After a lost race the lane task reads again and applies the *edits* again; it never merges text. The server's report
//! on the push says whether a commit landed. If the report was lost, the ref says it.

mod apply_edits;
mod attempt;
mod base_commit;
mod edit_memory;
mod find_sent;
pub(super) mod memory;
mod our_commits;
mod push;
mod send;
mod source_waits;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Pusher;
use super::draft::Id;
use super::idle::{StoreContents, branches};
use super::lanes::Lane;
use super::request::WriteBack;
use super::supersede::Orders;
use super::tips_read_ahead::TipsReadAhead;
use super::writer::Writer;
use crate::git::branch::full_name;
use crate::git::read::{BranchReader, HistoryDepth};
use apply_edits::BranchTrailers;
use attempt::AttemptResult;
use find_sent::Sent;
use memory::FileMemory;
use source_waits::SourceWaits;

/// The maximum number of outages in a row that are retried.
const MAX_OUTAGES: u32 = 5;
/// The maximum pauses after the first lost race and after many lost races, if an attempt is short.
const FIRST_WINDOW: Duration = Duration::from_millis(80);
const LAST_WINDOW: Duration = Duration::from_secs(3);
/// The longest attempt that counts for the pause. A longer one was delayed by something other than the push.
const LONG_TRY: Duration = Duration::from_secs(1);
/// The number of commits after which a store is replaced.
const MAX_COMMITS: u32 = 200;
/// How long the ref is read after a push of unknown outcome, whatever the writers' deadlines.
const CONFIRM: Duration = Duration::from_secs(30);
/// How long the lane task waits for the branch's lock. The lock only avoids lost races, so a lane task whose server, API or
/// edit is slow may not hold up the others for longer.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// Works for a lane until its queue is empty.
pub(super) async fn work(pusher: Pusher, request: Arc<WriteBack>, mut lane: Lane) {
    let branches = branches(&request);
    let contents = match pusher.idle.take(&branches) {
        Some(contents) => Ok(contents),
        None => BranchReader::new(&pusher.git, branches).await.map(StoreContents::new),
    };
    match contents {
        Ok(contents) => LaneTask::new(pusher, request, lane, contents).run().await,
        Err(error) => loop {
            for writer in lane.take() {
                writer.answer(Err(error.clone().into()));
            }
            if lane.leave() {
                return;
            }
        },
    }
}

struct LaneTask {
    pusher: Pusher,
    /// The request of the lane's first writer. The other writers have its repository, branch, login, author and
    /// signing key.
    request: Arc<WriteBack>,
    lane: Lane,
    reader: BranchReader,
    /// The tips that were read ahead.
    ahead: Option<TipsReadAhead>,
    /// When the tips of this attempt were read, if they were read ahead.
    read_ahead_at: Option<Instant>,
    /// Whether an answer was withheld because the tips were read ahead.
    answer_withheld: bool,
    writers: BTreeMap<Id, Writer>,
    next_id: Id,
    /// The maximum number of writers in a commit. It is reduced after a refusal, to find the writer that caused it.
    at_most: usize,
    /// Whether the server has refused a forced update.
    adds_only: bool,
    /// Pushed commits of unknown outcome, with the answers for the case that they landed.
    sent: Vec<Sent>,
    /// When the lane task stops reading the ref for the outcome of the last push.
    confirm_by: Option<Instant>,
    /// Permits of the push gates. They delay a shutdown until the outcome of the last push is known, or cannot be
    /// known.
    permits: Vec<TaskTrackerToken>,
    orders: Orders,
    source_waits: SourceWaits,
    /// The trailers in the histories of this attempt's tips.
    trailers: BTreeMap<(String, HistoryDepth), Arc<BranchTrailers>>,
    /// The number of commits since the store was empty.
    commits: u32,
    /// The memory for the files of this attempt.
    memory: FileMemory,
}

impl LaneTask {
    fn new(pusher: Pusher, request: Arc<WriteBack>, lane: Lane, contents: StoreContents) -> Self {
        let memory = FileMemory::new(pusher.budget.clone(), pusher.hold);
        let StoreContents { reader, commits, ahead } = contents;
        Self {
            pusher,
            request,
            lane,
            reader,
            ahead,
            read_ahead_at: None,
            answer_withheld: false,
            writers: BTreeMap::new(),
            next_id: 0,
            at_most: usize::MAX,
            adds_only: false,
            sent: Vec::new(),
            confirm_by: None,
            permits: Vec::new(),
            orders: Orders::default(),
            source_waits: SourceWaits::default(),
            trailers: BTreeMap::new(),
            commits,
            memory,
        }
    }

    async fn run(mut self) {
        let (mut outages, mut lost) = (0, 0);
        loop {
            self.join();
            self.take_answers();
            self.remove_departed();
            if self.writers.is_empty() && self.lane.leave() {
                self.pusher
                    .idle
                    .put(StoreContents { commits: self.commits, ..StoreContents::new(self.reader) });
                return;
            }
            if self.only_waits() {
                self.wait().await;
                continue;
            }
            let begun = Instant::now();
            let tried = self.once().await;
            self.memory.give_back();
            let why = match tried {
                Ok(AttemptResult::Done) => {
                    self.permits.clear();
                    (outages, lost) = (0, 0);
                    self.renew().await;
                    continue;
                }
                Ok(AttemptResult::AskedSources | AttemptResult::StaleTips) => continue,
                Ok(AttemptResult::Again(why)) => why,
                Err(error) if error.is_unavailable() && outages < MAX_OUTAGES => {
                    outages += 1;
                    self.reader.reset();
                    error.to_string()
                }
                Err(error) => {
                    (outages, lost) = (0, 0);
                    self.fail(&error);
                    continue;
                }
            };
            self.source_waits.done();
            let pause = pause(lost, begun.elapsed());
            lost += 1;
            self.note(&why, pause);
            sleep(pause).await;
        }
    }

    /// Replaces the store now and then, because a busy branch's lane task may run all day.
    async fn renew(&mut self) {
        self.source_waits.done();
        self.trailers.clear();
        self.commits += 1;
        if self.commits < MAX_COMMITS || !self.sent.is_empty() {
            return;
        }
        match BranchReader::new(&self.pusher.git, branches(&self.request)).await {
            Ok(reader) => {
                (self.reader, self.commits) = (reader, 0);
                self.orders.forget();
            }
            Err(error) => tracing::warn!(%error, "going on with the old store"),
        }
    }

    /// The full name of the branch that is pushed to.
    fn target(&self) -> String {
        full_name(self.request.head.as_ref().unwrap_or(&self.request.branch))
    }
}

/// A random pause before the next attempt, so that lane tasks that collided do not collide again. The window is as long
/// as the last attempt, because other lane tasks' attempts take as long. It doubles with each lost race, because many
/// lost races mean many competing lane tasks.
fn pause(lost: u32, took: Duration) -> Duration {
    let took = took.clamp(FIRST_WINDOW, LONG_TRY);
    let window = took.saturating_mul(1 << lost.min(16));
    window.min(LAST_WINDOW.max(took * 8)).mul_f64(fastrand::f64())
}
