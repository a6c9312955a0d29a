//! The vertices of a build, each with its latest report.

use std::collections::{BTreeSet, HashMap};

use super::VertexSummary;

/// The largest number of vertices kept. A Dockerfile of 1 MiB makes far more; their output is written all the same.
const MAX: usize = 10_000;

/// Vertices in the order of their first report.
#[derive(Debug, Default)]
pub(super) struct List {
    all: Vec<VertexSummary>,
    index: HashMap<String, usize>,
    /// The indexes of the running vertices.
    running: BTreeSet<usize>,
    steps: u32,
    cached_steps: u32,
}

impl List {
    /// The vertex with `digest`.
    pub(super) fn find(&self, digest: &str) -> Option<&VertexSummary> {
        self.index.get(digest).and_then(|at| self.all.get(*at))
    }

    /// Stores a vertex's latest report. A new vertex is ignored if the list is full.
    pub(super) fn put(&mut self, vertex: VertexSummary) {
        let at = match self.index.get(&vertex.digest) {
            Some(at) => *at,
            None if self.all.len() < MAX => self.all.len(),
            None => return,
        };
        if vertex.is_running() {
            self.running.insert(at);
        } else {
            self.running.remove(&at);
        }
        if let Some(before) = self.all.get(at) {
            self.count(&before.clone(), -1);
        }
        self.count(&vertex, 1);
        match self.all.get_mut(at) {
            Some(known) => *known = vertex,
            None => {
                self.index.insert(vertex.digest.clone(), at);
                self.all.push(vertex);
            }
        }
    }

    fn count(&mut self, vertex: &VertexSummary, change: i32) {
        if vertex.is_step() {
            self.steps = self.steps.saturating_add_signed(change);
            self.cached_steps =
                self.cached_steps.saturating_add_signed(if vertex.cached { change } else { 0 });
        }
    }

    /// The number of steps, and how many of them came from a cache.
    pub(super) fn steps(&self) -> (u32, u32) {
        (self.steps, self.cached_steps)
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &VertexSummary> {
        self.running.iter().filter_map(|at| self.all.get(*at))
    }

    pub(super) fn all(&self) -> &[VertexSummary] {
        &self.all
    }

    pub(super) fn into_all(self) -> Vec<VertexSummary> {
        self.all
    }
}
