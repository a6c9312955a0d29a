//! A lane's task: read the tip, apply everybody's edits, push one commit if the tip is still there.
//!
//! A lost race is answered by reading again and applying the *edits* again, never by merging text. Whether a commit landed says the
//! server's report on the push; where that was lost, the ref says it.

mod ahead;
mod base_commit;
mod compose;
pub(super) mod memory;
mod ours;
mod room;
mod send;
mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Pusher;
use super::ahead::Ahead;
use super::draft::Id;
use super::idle::{Warm, branches};
use super::lanes::Lane;
use super::request::WriteBack;
use super::supersede::Orders;
use super::writer::{Leaves, Outcome, Writer};
use crate::git::GitError;
use crate::git::branch::full_name;
use crate::git::read::{Reach, Reader};
use ahead::Asides;
use compose::Written;
use memory::Memory;
use send::Prepared;
use settle::Sent;

/// Outages that one commit sits out.
const MAX_OUTAGES: u32 = 5;
/// The longest pause after the first lost race, and after many, where a try is short.
const FIRST_WINDOW: Duration = Duration::from_millis(80);
const LAST_WINDOW: Duration = Duration::from_secs(3);
/// A try that took longer was held up by something else than the push.
const LONG_TRY: Duration = Duration::from_secs(1);
/// Commits that one store of objects serves.
const KEPT: u32 = 200;
/// How long the ref is asked for after a push of unknown outcome, whatever the writers' deadlines.
const CONFIRM: Duration = Duration::from_secs(30);
/// How long the turn of others is waited for. It only keeps writers from losing races, so one whose server, API or edit
/// is slow may not hold up the rest for longer.
const TURN: Duration = Duration::from_secs(30);

/// Works for a lane until nobody is queued.
pub(super) async fn work(pusher: Pusher, request: Arc<WriteBack>, mut lane: Lane) {
    let branches = branches(&request);
    let warm = match pusher.idle.take(&branches) {
        Some(warm) => Ok(warm),
        None => Reader::new(&pusher.git, branches).await.map(Warm::new),
    };
    match warm {
        Ok(warm) => Worker::new(pusher, request, lane, warm).run().await,
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

struct Worker {
    pusher: Pusher,
    /// Of the lane's first writer: what it has in common with the others.
    request: Arc<WriteBack>,
    lane: Lane,
    reader: Reader,
    /// Where the branches were before anybody asked.
    ahead: Option<Ahead>,
    /// When the branches of this try were read, if that was before.
    old: Option<Instant>,
    /// Whether somebody would have been answered by what is old.
    doubted: bool,
    writers: BTreeMap<Id, Writer>,
    next_id: Id,
    /// Writers that one commit may hold: fewer after a refusal, to find out whom it is meant for.
    at_most: usize,
    /// Whether the server was seen to refuse a forced update.
    adds_only: bool,
    /// Pushed commits of unknown outcome, and what to answer should they have landed.
    sent: Vec<Sent>,
    /// Until when the outcome of the last push has to be known.
    confirm_by: Option<Instant>,
    /// Keep the gates' `idle` waiting until it is known what became of the last push, or that it cannot be known.
    permits: Vec<TaskTrackerToken>,
    orders: Orders,
    asides: Asides,
    /// Histories at the tips of this try.
    written: BTreeMap<(String, Reach), Arc<Written>>,
    /// Commits since the store was empty.
    kept: u32,
    /// Memory for the files of this try.
    memory: Memory,
}

/// How a try ended, short of an error.
enum Tried {
    Done,
    /// Questions about sources were asked: it is tried again with their answers.
    Asked,
    /// The branch had moved since it was read ahead.
    Old,
    Again(String),
}

impl Worker {
    fn new(pusher: Pusher, request: Arc<WriteBack>, lane: Lane, warm: Warm) -> Self {
        let memory = Memory::new(pusher.budget.clone(), pusher.hold);
        let Warm { reader, commits, ahead } = warm;
        Self {
            pusher,
            request,
            lane,
            reader,
            ahead,
            old: None,
            doubted: false,
            writers: BTreeMap::new(),
            next_id: 0,
            at_most: usize::MAX,
            adds_only: false,
            sent: Vec::new(),
            confirm_by: None,
            permits: Vec::new(),
            orders: Orders::default(),
            asides: Asides::default(),
            written: BTreeMap::new(),
            kept: commits,
            memory,
        }
    }

    async fn run(mut self) {
        let (mut outages, mut lost) = (0, 0);
        loop {
            self.join();
            self.hear();
            self.retire();
            if self.writers.is_empty() && self.lane.leave() {
                self.pusher.idle.put(Warm { commits: self.kept, ..Warm::new(self.reader) });
                return;
            }
            if self.only_waits() {
                self.idle().await;
                continue;
            }
            let begun = Instant::now();
            let tried = self.once().await;
            self.memory.give_back();
            let why = match tried {
                Ok(Tried::Done) => {
                    self.permits.clear();
                    (outages, lost) = (0, 0);
                    self.renew().await;
                    continue;
                }
                Ok(Tried::Asked | Tried::Old) => continue,
                Ok(Tried::Again(why)) => why,
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
            self.asides.done();
            let pause = pause(lost, begun.elapsed());
            lost += 1;
            self.note(&why, pause);
            sleep(pause).await;
        }
    }

    /// Empties the store now and then, for a branch that is written all day.
    async fn renew(&mut self) {
        self.asides.done();
        self.written.clear();
        self.kept += 1;
        if self.kept < KEPT || !self.sent.is_empty() {
            return;
        }
        match Reader::new(&self.pusher.git, branches(&self.request)).await {
            Ok(reader) => {
                (self.reader, self.kept) = (reader, 0);
                self.orders.forget();
            }
            Err(error) => tracing::warn!(%error, "going on with the old store"),
        }
    }

    /// Takes in everybody who is queued.
    fn join(&mut self) {
        for writer in self.lane.take() {
            self.writers.insert(self.next_id, writer);
            self.next_id += 1;
        }
    }

    /// Lets go whoever left, came too late or is stopped.
    fn retire(&mut self) {
        if self.confirm_by.is_some_and(|limit| Instant::now() >= limit) {
            self.reopen();
        }
        let leaving: Vec<_> = self.writers.iter().filter_map(|(id, w)| Some((*id, w.leaves()?))).collect();
        for (id, leaves) in leaving {
            match leaves {
                Leaves::Gone => drop(self.writers.remove(&id)),
                Leaves::With(error) => self.answer(id, Err(error.into())),
            }
        }
        if self.writers.is_empty() {
            self.sent.clear();
        }
    }

    /// Answers by what was read; if that is old, nobody is, and it is read again.
    fn answer_read(&mut self, id: Id, outcome: Outcome) {
        match self.old {
            Some(_) => self.doubted = true,
            None => self.answer(id, outcome),
        }
    }

    fn answer(&mut self, id: Id, outcome: Outcome) {
        if let Some(writer) = self.writers.remove(&id) {
            writer.answer(outcome);
        }
    }

    fn fail(&mut self, error: &GitError) {
        self.reader.reset();
        self.sent.clear();
        self.confirm_by = None;
        for (_, writer) in std::mem::take(&mut self.writers) {
            writer.fail(error.clone());
        }
        self.permits.clear();
    }

    /// No push is under way any more.
    fn reopen(&mut self) {
        self.confirm_by = None;
        self.permits.clear();
        self.writers.values().for_each(|writer| writer.reopen(None));
    }

    fn note(&self, why: &str, pause: Duration) {
        self.writers.values().filter(|_| self.confirm_by.is_none()).for_each(|w| w.reopen(Some(why)));
        let (writers, pause_ms) = (self.writers.len(), pause.as_millis());
        tracing::info!(writers, pause_ms, "commit did not land: {why}");
    }

    /// The branch that is pushed to.
    fn target(&self) -> String {
        full_name(self.request.head.as_ref().unwrap_or(&self.request.branch))
    }

    async fn once(&mut self) -> Result<Tried, GitError> {
        let limit = self.writers.values().map(|w| w.request.deadline).chain(self.confirm_by).max();
        let Some(limit) = limit else { return Ok(Tried::Done) };
        let (turns, repo) = (self.pusher.turns.clone(), self.request.repo.way());
        let patience = limit.min(Instant::now() + TURN);
        let turn = timeout_at(patience, turns.turn(&repo, &self.target())).await.ok();
        if turn.is_none() && patience == limit {
            return Ok(Tried::Again("commits of others to the branch were still under way".to_owned()));
        }
        let wanted = self.memory.wanted();
        let prepared = tokio::select! {
            biased;
            prepared = timeout_at(limit, self.prepare()) => prepared,
            () = wanted => {
                self.reader.reset();
                return Ok(Tried::Again("the server was slow, and other steps waited for the memory".to_owned()));
            }
        };
        let base = match prepared {
            Ok(Ok(Prepared::Ready(ready))) => {
                // The server that it goes to may take its time, and others wait for the memory.
                self.memory.give_back();
                return self.send(*ready).await;
            }
            Ok(Ok(Prepared::Done)) => return Ok(Tried::Done),
            Ok(Ok(Prepared::Again(why))) => return Ok(Tried::Again(why)),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(Prepared::Ask(base))) => base,
            Err(_) => return Ok(self.cut_off()),
        };
        drop(turn);
        match timeout_at(limit, self.ask(&base)).await {
            Ok(asked) => asked,
            Err(_) => Ok(self.cut_off()),
        }
    }

    /// A reading that took too long was stopped in the middle of an answer.
    fn cut_off(&mut self) -> Tried {
        self.reader.reset();
        Tried::Again("the branch was not read in time".to_owned())
    }
}

/// A pause before another try: any time within a window, so that those who met do not meet again. The window is as
/// long as the last try, for so long another's takes too, and doubles: the more one loses the more there are who race.
fn pause(lost: u32, took: Duration) -> Duration {
    let took = took.clamp(FIRST_WINDOW, LONG_TRY);
    let window = took.saturating_mul(1 << lost.min(16));
    window.min(LAST_WINDOW.max(took * 8)).mul_f64(fastrand::f64())
}
