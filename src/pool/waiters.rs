//! The builds that wait for a place, in turns by namespace: one namespace's many builds do not keep another's one waiting.
//!
//! Differs from `jobs::queue` in that a build may need a certain member, so a later one may pass it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The ticket of a waiting build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) namespace: Arc<str>,
    /// The numbers grow within a namespace.
    pub(super) number: u64,
}

/// The waiting builds. `T` is what is known of a build.
#[derive(Debug)]
pub(super) struct Waiters<T> {
    /// The number of tickets and turns given out.
    given: u64,
    namespaces: BTreeMap<Arc<str>, Namespace<T>>,
}

/// The waiting builds of one namespace. It is removed with its last build.
#[derive(Debug)]
struct Namespace<T> {
    /// The number of the turn in which it began to wait or last got a place. The lowest one is next.
    turn: u64,
    waiting: VecDeque<(u64, T)>,
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self { given: 0, namespaces: BTreeMap::new() }
    }
}

impl<T> Waiters<T> {
    /// Adds a build to the end of its namespace's queue.
    pub(super) fn join(&mut self, namespace: &Arc<str>, build: T) -> Ticket {
        let (turn, number) = (self.stamp(), self.stamp());
        let new = || Namespace { turn, waiting: VecDeque::new() };
        let queue = self.namespaces.entry(namespace.clone()).or_insert_with(new);
        queue.waiting.push_back((number, build));
        Ticket { namespace: namespace.clone(), number }
    }

    /// Removes a build from the queue. Returns whether it waited.
    pub(super) fn leave(&mut self, ticket: &Ticket) -> bool {
        let Some(queue) = self.namespaces.get_mut(&ticket.namespace) else { return false };
        let Some(position) = queue.ahead_of(ticket) else { return false };
        queue.waiting.remove(position);
        if queue.waiting.is_empty() {
            self.namespaces.remove(&ticket.namespace);
        }
        true
    }

    /// Removes the first build, in turns, for which `place` finds one. Returns its number and its place.
    pub(super) fn take<P>(&mut self, mut place: impl FnMut(&T) -> Option<P>) -> Option<(u64, P)> {
        let mut turns: Vec<_> =
            self.namespaces.iter().map(|(name, queue)| (queue.turn, name.clone())).collect();
        turns.sort();
        let turn = self.stamp();
        for (_, name) in turns {
            let Some(queue) = self.namespaces.get_mut(&name) else { continue };
            let mut waiting = queue.waiting.iter().enumerate();
            let found = waiting.find_map(|(position, (_, build))| Some((position, place(build)?)));
            let Some((position, place)) = found else { continue };
            let (number, _) = queue.waiting.remove(position)?;
            queue.turn = turn;
            if queue.waiting.is_empty() {
                self.namespaces.remove(&name);
            }
            return Some((number, place));
        }
        None
    }

    /// The number of builds that get a place before the one of `ticket`, if all of them can use the same places.
    pub(super) fn ahead_of(&self, ticket: &Ticket) -> Option<usize> {
        let own = self.namespaces.get(&ticket.namespace)?;
        let ahead = own.ahead_of(ticket)?;
        // In each round before the build's own, every namespace gets a place. In its own round, only those whose turn is earlier do.
        let before = |queue: &Namespace<T>| {
            let waiting = queue.waiting.len();
            waiting.min(ahead) + usize::from(waiting > ahead && queue.turn < own.turn)
        };
        // For its own namespace, that is the number of builds ahead of it.
        Some(self.namespaces.values().map(before).sum())
    }

    /// The waiting build of `ticket`.
    pub(super) fn get(&self, ticket: &Ticket) -> Option<&T> {
        let queue = self.namespaces.get(&ticket.namespace)?;
        let position = queue.ahead_of(ticket)?;
        queue.waiting.get(position).map(|(_, build)| build)
    }

    fn stamp(&mut self) -> u64 {
        self.given += 1;
        self.given
    }
}

impl<T> Namespace<T> {
    fn ahead_of(&self, ticket: &Ticket) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket.number, |(number, _)| *number).ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Builds by namespace and the member that they need; `*` for any.
    fn waiters(builds: &[(&str, &'static str)]) -> (Waiters<&'static str>, Vec<Ticket>) {
        let mut waiters = Waiters::default();
        let tickets = builds.iter().map(|(namespace, needs)| waiters.join(&Arc::from(*namespace), *needs));
        let tickets = tickets.collect();
        (waiters, tickets)
    }

    /// The positions in `tickets` in the order in which the builds get the places of `member`.
    fn served(waiters: &mut Waiters<&'static str>, tickets: &[Ticket], member: &str) -> Vec<usize> {
        let mut served = Vec::new();
        while let Some((number, ())) = waiters.take(|needs| (*needs == "*" || *needs == member).then_some(()))
        {
            served.push(tickets.iter().position(|ticket| ticket.number == number).unwrap());
        }
        served
    }

    #[test]
    fn namespaces_take_turns() {
        let builds = [("a", "*"), ("a", "*"), ("a", "*"), ("b", "*"), ("c", "*"), ("c", "*")];
        let (mut waiters, tickets) = waiters(&builds);
        let ahead: Vec<_> = tickets.iter().map(|ticket| waiters.ahead_of(ticket).unwrap()).collect();
        let order = served(&mut waiters, &tickets, "m");
        assert_eq!(order, [0, 3, 4, 1, 5, 2]);
        let expected: Vec<_> = (0..builds.len())
            .map(|build| order.iter().position(|served| *served == build).unwrap())
            .collect();
        assert_eq!(ahead, expected);
        assert!(waiters.namespaces.is_empty());
    }

    #[test]
    fn a_build_that_cannot_use_a_place_lets_others_pass() {
        let (mut waiters, tickets) = waiters(&[("a", "arm"), ("a", "*"), ("b", "arm"), ("b", "amd")]);
        assert_eq!(served(&mut waiters, &tickets, "amd"), [1, 3]);
        assert!(waiters.get(&tickets[0]).is_some() && waiters.get(&tickets[1]).is_none());
        assert_eq!(served(&mut waiters, &tickets, "arm"), [0, 2]);
    }

    #[test]
    fn a_build_that_leaves_makes_room() {
        let (mut waiters, tickets) = waiters(&[("a", "*"), ("a", "*"), ("b", "*")]);
        assert!(waiters.leave(&tickets[0]));
        assert!(!waiters.leave(&tickets[0]));
        assert_eq!(waiters.ahead_of(&tickets[0]), None);
        assert_eq!(waiters.ahead_of(&tickets[1]), Some(0));
        assert_eq!(served(&mut waiters, &tickets, "m"), [1, 2]);
        assert!(!waiters.leave(&tickets[2]));
    }
}
