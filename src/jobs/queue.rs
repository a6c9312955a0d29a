//! The queue for slots: a limit for all jobs, a limit for each group's jobs, and turns among the waiting groups.
//!
//! Nothing here waits or wakes: the table asks after each change which job starts. Every question reads each group
//! that has jobs; a queue position also takes the logarithm of the length of its group's queue. The positions of a
//! thousand queued jobs of a hundred groups are found in about a millisecond.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A position in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// The position, from 1: the number of jobs that would have started, including this one, if slots were given out
    /// in order.
    pub number: usize,
    /// Whether the job waits for the limit of its group. Then `number` is its position in its group's queue.
    pub of_group: bool,
}

/// The group with which a job shares a limit, such as a namespace.
pub(super) type Group = Arc<str>;

/// The ticket of one job, for its position in the queue and then for its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    group: Group,
    /// The numbers grow within one group's queue.
    number: u64,
}

/// The slots, and the jobs that have or want one. `T` is what the queue keeps of a job until it starts.
#[derive(Debug, Clone)]
pub(super) struct Queue<T> {
    running: usize,
    per_group: usize,
    working: usize,
    waiting: usize,
    /// The number of tickets and turns given out.
    given: u64,
    groups: HashMap<Group, GroupQueue<T>>,
}

/// The jobs of one group. It is removed with its last job.
#[derive(Debug, Clone)]
struct GroupQueue<T> {
    working: usize,
    waiting: VecDeque<(u64, T)>,
    /// The number of the turn in which the group began to wait or last started a job. Of the groups that may start a
    /// job, the one with the lowest number is next.
    turn: u64,
}

impl<T> Queue<T> {
    /// An empty queue with `running` slots, of which one group may have `per_group`.
    pub(super) fn new(running: usize, per_group: usize) -> Self {
        // If the group limit is not below the total limit, it has no effect and is never reported as the reason to
        // wait.
        let per_group = if per_group < running { per_group.max(1) } else { usize::MAX };
        Self { running, per_group, working: 0, waiting: 0, given: 0, groups: HashMap::new() }
    }

    /// Makes a ticket for one job of `group`.
    pub(super) fn ticket(&mut self, group: Group) -> Ticket {
        Ticket { group, number: self.stamp() }
    }

    /// Adds `job` to the end of its group's queue. The tickets of one group must be used in the order in which they
    /// were made.
    pub(super) fn join(&mut self, ticket: &Ticket, job: T) {
        let turn = self.stamp();
        let group_queue = self.groups.entry(ticket.group.clone()).or_insert_with(GroupQueue::new);
        if group_queue.waiting.is_empty() {
            group_queue.turn = turn;
        }
        group_queue.waiting.push_back((ticket.number, job));
        self.waiting += 1;
    }

    /// Gives a slot to the next job, if there is a free slot and a job that may have it.
    pub(super) fn start(&mut self) -> Option<T> {
        if self.working >= self.running {
            return None;
        }
        let turn = self.stamp();
        let cap = self.per_group;
        let groups = self.groups.values_mut().filter(|group_queue| group_queue.open(cap) > 0);
        let group_queue = groups.min_by_key(|group_queue| group_queue.turn)?;
        let (_, job) = group_queue.waiting.pop_front()?;
        group_queue.working += 1;
        group_queue.turn = turn;
        self.working += 1;
        self.waiting -= 1;
        Some(job)
    }

    /// Returns the slot of the job of `ticket`, or removes the job from the queue. Must be called once for each job
    /// that joined.
    pub(super) fn leave(&mut self, ticket: &Ticket) {
        let Some(group_queue) = self.groups.get_mut(&ticket.group) else { return };
        if let Some(position) = group_queue.ahead_of(ticket) {
            group_queue.waiting.remove(position);
            self.waiting -= 1;
        } else {
            group_queue.working -= 1;
            self.working -= 1;
        }
        if group_queue.working == 0 && group_queue.waiting.is_empty() {
            self.groups.remove(&ticket.group);
        }
    }

    /// The position of the job of `ticket` in the queue, while it waits.
    pub(super) fn position(&self, ticket: &Ticket) -> Option<QueuePosition> {
        let group_queue = self.groups.get(&ticket.group)?;
        let ahead = group_queue.ahead_of(ticket)?;
        if ahead >= group_queue.open(self.per_group) {
            return Some(QueuePosition { number: ahead + 1, of_group: true });
        }
        // In each round before this job's own, every other group starts a job, if it may. In its own round, only the
        // groups whose turn is earlier do.
        let before = |other: &GroupQueue<T>| {
            let open = other.open(self.per_group);
            open.min(ahead) + usize::from(open > ahead && other.turn < group_queue.turn)
        };
        let number = 1 + self.groups.values().map(before).sum::<usize>();
        Some(QueuePosition { number, of_group: false })
    }

    /// The number of waiting jobs, and of jobs that have a slot.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.waiting, self.working)
    }

    fn stamp(&mut self) -> u64 {
        self.given += 1;
        self.given
    }
}

impl<T> GroupQueue<T> {
    fn new() -> Self {
        Self { working: 0, waiting: VecDeque::new(), turn: 0 }
    }

    /// The number of waiting jobs that may start before a job of the group ends.
    fn open(&self, cap: usize) -> usize {
        self.waiting.len().min(cap - self.working)
    }

    fn ahead_of(&self, ticket: &Ticket) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket.number, |(number, _)| *number).ok()
    }
}

#[cfg(test)]
mod tests;
