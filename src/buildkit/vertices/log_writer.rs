//! Writes the Status stream to a transcript in buildctl's format. Each line names its step.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::VertexSummary;
use crate::buildkit::progress;
use crate::buildkit::transcript::Transcript;
use crate::text;

/// The number of characters of a step's name before each of its lines.
pub(super) const MAX_LABEL: usize = 40;

/// The largest number of activities that are written. Further ones are left out; the ends of steps are still written.
const MAX_PARTS: usize = 10_000;

/// The number of bytes kept of an activity's name.
const MAX_PART: usize = 1 << 10;

/// Writes the start, the output and the end of vertices to a transcript.
#[derive(Debug, Default)]
pub(super) struct LogWriter {
    pub(super) transcript: Transcript,
    /// The label before a vertex's lines, by the vertex's digest.
    labels: HashMap<String, String>,
    /// The activities whose end was written. The daemon reports them repeatedly.
    parts: HashSet<(String, String)>,
}

impl LogWriter {
    pub(super) fn new(transcript: Transcript) -> Self {
        Self { transcript, ..Self::default() }
    }

    /// Writes that a vertex has begun.
    pub(super) fn begun(&self, vertex: &VertexSummary) {
        self.transcript.line(&self.name(vertex));
    }

    /// Writes that a vertex has ended.
    pub(super) fn ended(&self, vertex: &VertexSummary) {
        let how = match (&vertex.error, vertex.cached) {
            (Some(error), _) if error.contains("context canceled") => "CANCELED".to_owned(),
            (Some(error), _) => format!("ERROR: {}", self.transcript.redactor().lines(error)),
            (None, true) => "CACHED".to_owned(),
            (None, false) => format!("DONE {:.1} s", took(vertex).as_secs_f64()),
        };
        let name = self.name(vertex);
        // An error may have several lines.
        how.lines().for_each(|line| self.transcript.line(&format!("{name} {line}")));
    }

    /// Sets the label of a vertex from its name, once.
    pub(super) fn label(&mut self, vertex: &VertexSummary) {
        if !self.labels.contains_key(&vertex.digest) {
            let label = progress::shorten_to(&self.transcript.redactor().lines(&vertex.name), MAX_LABEL);
            self.labels.insert(vertex.digest.clone(), label);
        }
    }

    /// Writes a line that a vertex printed. The line must not contain secrets.
    pub(super) fn printed(&self, digest: &str, text: &str) {
        match self.labels.get(digest) {
            Some(label) => self.transcript.line(&format!("{label}: {text}")),
            None => self.transcript.line(text),
        }
    }

    /// Writes that an activity of a vertex, such as `pushing layers`, has ended.
    pub(super) fn done(&mut self, digest: &str, part: &str) {
        let part = text::head(part, MAX_PART);
        if self.parts.len() >= MAX_PARTS || !self.parts.insert((digest.to_owned(), part.to_owned())) {
            return;
        }
        self.printed(digest, &format!("{} DONE", self.transcript.redactor().line(part)));
    }

    /// Writes a warning of BuildKit.
    pub(super) fn warned(&self, warning: &str) {
        warning.lines().for_each(|line| self.transcript.say(&format!("WARNING: {line}")));
    }

    fn name(&self, vertex: &VertexSummary) -> String {
        progress::shorten(&self.transcript.redactor().lines(&vertex.name))
    }
}

fn took(vertex: &VertexSummary) -> Duration {
    let times = vertex.started.zip(vertex.completed);
    times.and_then(|(started, completed)| completed.duration_since(started).ok()).unwrap_or_default()
}
