//! Who works next: a cap on all jobs, a cap on each group's, and turns among the groups that wait.
//!
//! Nothing here waits or wakes: the table asks after each change who is to start. Every question costs a look at each
//! group that has jobs, and a place the logarithm of its group's line besides: a thousand queued jobs
//! of a hundred groups are all told their places in about a millisecond.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The n-th, from 1: so many would have started with it, were slot after slot given out in order.
    pub number: usize,
    /// It waits for its group's own cap, and `number` is its place in its group's line.
    pub of_group: bool,
}

/// What jobs share a cap by, such as a namespace.
pub(super) type Group = Arc<str>;

/// One job's right to a place in the queue, and then to a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    group: Group,
    /// Those of one line only grow.
    number: u64,
}

/// Slots, and who has and wants them. `T` is what the queue keeps of a job until it starts.
#[derive(Debug, Clone)]
pub(super) struct Queue<T> {
    running: usize,
    per_group: usize,
    working: usize,
    waiting: usize,
    /// Tickets and turns given out.
    given: u64,
    lines: HashMap<Group, Line<T>>,
}

/// One group's jobs. It is forgotten with the last of them.
#[derive(Debug, Clone)]
struct Line<T> {
    working: usize,
    waiting: VecDeque<(u64, T)>,
    /// When it began to wait or last started a job: of the groups that may start one, the least has its turn.
    turn: u64,
}

impl<T> Queue<T> {
    /// An empty queue for `running` slots, `per_group` of them for one group.
    pub(super) fn new(running: usize, per_group: usize) -> Self {
        // A cap that the other one keeps anyway is no reason to wait, and is never told as one.
        let per_group = if per_group < running { per_group.max(1) } else { usize::MAX };
        Self { running, per_group, working: 0, waiting: 0, given: 0, lines: HashMap::new() }
    }

    /// A ticket for one job of `group`.
    pub(super) fn ticket(&mut self, group: Group) -> Ticket {
        Ticket { group, number: self.stamp() }
    }

    /// Puts `job` at the end of its group's line. Tickets of one group are used in the order they were given.
    pub(super) fn join(&mut self, ticket: &Ticket, job: T) {
        let turn = self.stamp();
        let line = self.lines.entry(ticket.group.clone()).or_insert_with(Line::new);
        if line.waiting.is_empty() {
            line.turn = turn;
        }
        line.waiting.push_back((ticket.number, job));
        self.waiting += 1;
    }

    /// Gives a slot to whoever is next, if there is one to give and somebody who may have it.
    pub(super) fn start(&mut self) -> Option<T> {
        if self.working >= self.running {
            return None;
        }
        let turn = self.stamp();
        let cap = self.per_group;
        let lines = self.lines.values_mut().filter(|line| line.open(cap) > 0);
        let line = lines.min_by_key(|line| line.turn)?;
        let (_, job) = line.waiting.pop_front()?;
        line.working += 1;
        line.turn = turn;
        self.working += 1;
        self.waiting -= 1;
        Some(job)
    }

    /// The job of `ticket` gives back its slot, or its place in the queue. Once for each that joined.
    pub(super) fn leave(&mut self, ticket: &Ticket) {
        let Some(line) = self.lines.get_mut(&ticket.group) else { return };
        if let Some(place) = line.ahead_of(ticket) {
            line.waiting.remove(place);
            self.waiting -= 1;
        } else {
            line.working -= 1;
            self.working -= 1;
        }
        if line.working == 0 && line.waiting.is_empty() {
            self.lines.remove(&ticket.group);
        }
    }

    /// Where the job of `ticket` stands, while it waits.
    pub(super) fn place(&self, ticket: &Ticket) -> Option<Place> {
        let line = self.lines.get(&ticket.group)?;
        let ahead = line.ahead_of(ticket)?;
        if ahead >= line.open(self.per_group) {
            return Some(Place { number: ahead + 1, of_group: true });
        }
        // In each round before its own every other group starts a job, as long as it may; in its own, those whose turn
        // is earlier.
        let before = |other: &Line<T>| {
            let open = other.open(self.per_group);
            open.min(ahead) + usize::from(open > ahead && other.turn < line.turn)
        };
        let number = 1 + self.lines.values().map(before).sum::<usize>();
        Some(Place { number, of_group: false })
    }

    /// How many wait, and how many have a slot.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.waiting, self.working)
    }

    fn stamp(&mut self) -> u64 {
        self.given += 1;
        self.given
    }
}

impl<T> Line<T> {
    fn new() -> Self {
        Self { working: 0, waiting: VecDeque::new(), turn: 0 }
    }

    /// How many of those that wait may start before one of the group ends.
    fn open(&self, cap: usize) -> usize {
        self.waiting.len().min(cap - self.working)
    }

    fn ahead_of(&self, ticket: &Ticket) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket.number, |(number, _)| *number).ok()
    }
}

#[cfg(test)]
mod tests;
