//! How many Workflows one run submits, and how the repositories share that number: what one of them asks for leaves places for
//! the others.

/// The most Workflows that one run submits. The rest is left to the next run.
pub(super) const SUBMISSIONS: usize = 200;
/// After this many, the other places are for repositories that have none yet.
const SHARED: usize = SUBMISSIONS / 2;
/// The most places of one repository while others are not done.
const EACH: usize = 25;

/// The places of one run. A group of services is known by its number.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// How many each group has taken.
    taken: Vec<usize>,
    total: usize,
    /// How many groups are not done.
    running: usize,
}

impl Places {
    pub(super) fn of(groups: usize) -> Self {
        Self { taken: vec![0; groups], total: 0, running: groups }
    }

    /// Whether another Workflow of the group may be submitted.
    pub(super) fn has_room(&self, group: usize) -> bool {
        let own = self.taken.get(group).copied().unwrap_or_default();
        let may_share = self.running <= 1 || (own < EACH && self.total < SHARED);
        self.total < SUBMISSIONS && (own == 0 || may_share)
    }

    /// Takes a place for the group, if there is room.
    pub(super) fn take(&mut self, group: usize) -> bool {
        let has_room = self.has_room(group);
        if has_room && let Some(own) = self.taken.get_mut(group) {
            *own += 1;
            self.total += 1;
        }
        has_room
    }

    /// Gives a place back in which no Workflow was submitted.
    pub(super) fn give_back(&mut self, group: usize) {
        if let Some(own) = self.taken.get_mut(group).filter(|own| **own > 0) {
            *own -= 1;
            self.total -= 1;
        }
    }

    /// A group is done.
    pub(super) fn done(&mut self) {
        self.running = self.running.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many places a group gets.
    fn all(places: &mut Places, group: usize) -> usize {
        (0..2 * SUBMISSIONS).filter(|_| places.take(group)).count()
    }

    #[test]
    fn a_group_leaves_places_for_those_that_are_not_done() {
        let mut places = Places::of(10);
        let taken: Vec<_> = (0..10).map(|group| all(&mut places, group)).collect();
        assert_eq!(taken, [25, 25, 25, 25, 1, 1, 1, 1, 1, 1]);
        (0..9).for_each(|_| places.done());
        assert_eq!(all(&mut places, 3), SUBMISSIONS - 106, "the last one may have the rest");
        assert!(!places.has_room(4));
    }

    #[test]
    fn a_single_group_has_all_places() {
        assert_eq!(all(&mut Places::of(1), 0), SUBMISSIONS);
    }

    #[test]
    fn every_group_has_a_first_place_while_there_are_any() {
        let mut places = Places::of(3 * SUBMISSIONS);
        let taken: Vec<_> = (0..3 * SUBMISSIONS).map(|group| all(&mut places, group)).collect();
        assert_eq!(taken[..4], [25, 25, 25, 25]);
        assert_eq!(taken.iter().sum::<usize>(), SUBMISSIONS);
    }

    #[test]
    fn a_place_without_a_workflow_is_free_again() {
        let mut places = Places::of(2);
        assert_eq!(all(&mut places, 0), EACH);
        places.give_back(0);
        assert!(places.take(0) && !places.take(0));
    }
}
