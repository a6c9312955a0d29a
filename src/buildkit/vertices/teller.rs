//! What the Status stream says, as lines of a transcript: in buildctl's words, each line with its step.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::VertexSummary;
use crate::buildkit::progress;
use crate::buildkit::transcript::Transcript;
use crate::text;

/// Characters of a step before each of its lines.
const MAX_LABEL: usize = 40;

/// Parts that are told once. Where a build has more, the rest is not told: its steps' own ends are.
const MAX_PARTS: usize = 10_000;

/// Bytes of a part's name.
const MAX_PART: usize = 1 << 10;

/// Tells a transcript what became of vertices, and what they printed.
#[derive(Debug, Default)]
pub(super) struct Teller {
    pub(super) transcript: Transcript,
    /// What stands before a vertex's lines, by its digest.
    labels: HashMap<String, String>,
    /// Parts that were told to have ended: they are announced again and again.
    parts: HashSet<(String, String)>,
}

impl Teller {
    pub(super) fn new(transcript: Transcript) -> Self {
        Self { transcript, ..Self::default() }
    }

    /// A vertex has begun.
    pub(super) fn begun(&self, vertex: &VertexSummary) {
        self.transcript.line(&self.name(vertex));
    }

    /// A vertex has ended.
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

    /// A vertex is known by this name from now on.
    pub(super) fn label(&mut self, vertex: &VertexSummary) {
        if !self.labels.contains_key(&vertex.digest) {
            let label = progress::shorten_to(&self.transcript.redactor().lines(&vertex.name), MAX_LABEL);
            self.labels.insert(vertex.digest.clone(), label);
        }
    }

    /// A vertex has printed a line, which is clean.
    pub(super) fn printed(&self, digest: &str, text: &str) {
        match self.labels.get(digest) {
            Some(label) => self.transcript.line(&format!("{label}: {text}")),
            None => self.transcript.line(text),
        }
    }

    /// A part of a vertex, such as `pushing layers`, has ended.
    pub(super) fn done(&mut self, digest: &str, part: &str) {
        let part = text::head(part, MAX_PART);
        if self.parts.len() >= MAX_PARTS || !self.parts.insert((digest.to_owned(), part.to_owned())) {
            return;
        }
        self.printed(digest, &format!("{} DONE", self.transcript.redactor().line(part)));
    }

    /// BuildKit warns.
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
