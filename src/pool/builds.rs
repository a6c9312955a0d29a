//! The builds that run on a member.

use std::collections::HashMap;
use std::sync::Arc;

/// The builds that run on a member, by namespace.
#[derive(Debug, Default)]
pub(super) struct Builds {
    /// The number of all of them.
    pub(super) all: usize,
    of: HashMap<Arc<str>, usize>,
}

impl Builds {
    /// Counts one more of `namespace`.
    pub(super) fn add(&mut self, namespace: &Arc<str>) {
        self.all += 1;
        *self.of.entry(namespace.clone()).or_default() += 1;
    }

    /// Counts one less of `namespace`.
    pub(super) fn remove(&mut self, namespace: &Arc<str>) {
        let Some(count) = self.of.get_mut(namespace) else { return };
        (*count, self.all) = (*count - 1, self.all - 1);
        if *count == 0 {
            self.of.remove(namespace);
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// Whether one more of `namespace` may run, if there are at most `limit`. Of four places, one namespace gets at most three: others'
    /// builds must not wait as long as its Dockerfiles like to take.
    pub(super) fn may_add(&self, namespace: &str, limit: usize) -> bool {
        let share = (limit - limit.div_ceil(4)).max(1);
        self.all < limit && self.of.get(namespace).is_none_or(|own| *own < share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_namespace_leaves_places_for_others() {
        for (limit, share) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 3), (8, 6), (100, 75)] {
            let (mut builds, [one, other]) = (Builds::default(), ["a", "b"].map(Arc::from));
            let mut count = 0;
            while builds.may_add(&one, limit) {
                builds.add(&one);
                count += 1;
            }
            assert_eq!(count, share, "{limit}");
            assert_eq!(builds.may_add(&other, limit), limit > share, "{limit}");
            (0..count).for_each(|_| builds.remove(&one));
            builds.remove(&other);
            assert!(builds.is_empty() && builds.of.is_empty());
        }
    }
}
