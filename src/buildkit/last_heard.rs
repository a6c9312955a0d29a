//! Records when the daemon last reported progress of each vertex.

use std::collections::HashMap;
use std::time::Instant;

/// The largest number of transfers kept. One more clears all of them; the daemon soon reports them again.
const MAX_TRANSFERS: usize = 10_000;

/// The time of the last progress of each running vertex, by digest.
#[derive(Debug, Default)]
pub(super) struct LastHeard {
    heard: HashMap<String, Instant>,
    /// Bytes of each transfer, by vertex and name. The daemon repeats them even if they do not grow.
    transfers: HashMap<(String, String), i64>,
}

impl LastHeard {
    /// Records that `vertex` began, printed something, or did something new.
    pub(super) fn heard(&mut self, vertex: &str) {
        match self.heard.get_mut(vertex) {
            Some(last) => *last = Instant::now(),
            None => drop(self.heard.insert(vertex.to_owned(), Instant::now())),
        }
    }

    /// Records that a transfer of `vertex` is at `bytes`.
    pub(super) fn transferred(&mut self, vertex: &str, name: &str, bytes: i64) {
        if self.transfers.len() >= MAX_TRANSFERS {
            self.transfers.clear();
        }
        let key = (vertex.to_owned(), name.to_owned());
        if self.transfers.insert(key, bytes) != Some(bytes) {
            self.heard(vertex);
        }
    }

    /// Forgets `vertex`, which has ended.
    pub(super) fn ended(&mut self, vertex: &str) {
        self.heard.remove(vertex);
        self.transfers.retain(|(of, _), _| of != vertex);
    }

    /// The time of the last progress of `vertex`; `None` if it does not run.
    pub(super) fn last(&self, vertex: &str) -> Option<Instant> {
        self.heard.get(vertex).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_do_not_grow_are_no_news() {
        let mut heard = LastHeard::default();
        heard.transferred("v", "sha256:1", 10);
        let first = heard.last("v");
        heard.transferred("v", "sha256:1", 10);
        assert_eq!(heard.last("v"), first);
        heard.transferred("v", "sha256:1", 11);
        assert!(heard.last("v") > first);
        heard.ended("v");
        assert_eq!((heard.last("v"), heard.transfers.len()), (None, 0));
    }
}
