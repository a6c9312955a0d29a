//! When a build's vertices were heard of last.

use std::collections::HashMap;
use std::time::Instant;

/// Transfers that are known at a time. One more, and all are forgotten: a moment later they are known again.
const MAX_TRANSFERS: usize = 10_000;

/// The last sign of life of each running vertex, by digest.
#[derive(Debug, Default)]
pub(super) struct News {
    heard: HashMap<String, Instant>,
    /// Bytes of each transfer, by vertex and name: the daemon repeats them whether they grow or not.
    transfers: HashMap<(String, String), i64>,
}

impl News {
    /// `vertex` began, printed something, or did something new.
    pub(super) fn heard(&mut self, vertex: &str) {
        match self.heard.get_mut(vertex) {
            Some(last) => *last = Instant::now(),
            None => drop(self.heard.insert(vertex.to_owned(), Instant::now())),
        }
    }

    /// A transfer of `vertex` is at `bytes`.
    pub(super) fn transferred(&mut self, vertex: &str, name: &str, bytes: i64) {
        if self.transfers.len() >= MAX_TRANSFERS {
            self.transfers.clear();
        }
        let key = (vertex.to_owned(), name.to_owned());
        if self.transfers.insert(key, bytes) != Some(bytes) {
            self.heard(vertex);
        }
    }

    /// `vertex` has ended.
    pub(super) fn ended(&mut self, vertex: &str) {
        self.heard.remove(vertex);
        self.transfers.retain(|(of, _), _| of != vertex);
    }

    /// When `vertex` was heard of last; none if it does not run.
    pub(super) fn last(&self, vertex: &str) -> Option<Instant> {
        self.heard.get(vertex).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_do_not_grow_are_no_news() {
        let mut news = News::default();
        news.transferred("v", "sha256:1", 10);
        let first = news.last("v");
        news.transferred("v", "sha256:1", 10);
        assert_eq!(news.last("v"), first);
        news.transferred("v", "sha256:1", 11);
        assert!(news.last("v") > first);
        news.ended("v");
        assert_eq!((news.last("v"), news.transfers.len()), (None, 0));
    }
}
