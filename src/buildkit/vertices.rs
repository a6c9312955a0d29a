//! The state built from the Status stream: the latest report of each vertex, the last log lines, the warnings.

use std::collections::HashMap;
use std::time::SystemTime;

use bollard_buildkit_proto::moby::buildkit::v1 as control;

use super::last_heard::LastHeard;
use super::peer;
use super::progress::{self, Peer, Progress};
use super::transcript::Transcript;
use crate::redact::Redactor;
use crate::text;

mod list;
mod log;
mod log_writer;
mod open;
mod summary;

use list::List;
pub(super) use log::Log;
use log_writer::LogWriter;
pub use summary::VertexSummary;

/// The largest number of warnings reported. More would not help.
const MAX_WARNINGS: usize = 20;

/// The number of bytes kept of a vertex's name. The name of a `RUN` contains all of its lines.
const MAX_NAME: usize = 1 << 10;

/// The most layers that are told apart.
const MAX_LAYERS: usize = 10_000;

/// The most inputs of all vertices that are kept, and of one vertex.
const MAX_INPUTS: usize = 20_000;
const MAX_INPUTS_OF_ONE: usize = 100;

/// The longest digest of an input, in bytes: that of SHA-512.
const MAX_DIGEST: usize = 135;

/// The number of bytes kept of a vertex's error, and of a warning.
const MAX_TEXT: usize = 4 << 10;

/// The vertices, log lines and warnings that a build has reported so far.
#[derive(Debug, Default)]
pub(super) struct Vertices {
    list: List,
    /// The running activity of each vertex, such as `pushing layers`.
    activity: HashMap<String, String>,
    last_heard: LastHeard,
    /// The bytes of each layer that was downloaded or extracted.
    layers: HashMap<String, u64>,
    log: Log,
    lint: Vec<String>,
    /// The number of inputs of all vertices in `list`.
    inputs: usize,
}

impl Vertices {
    /// Creates an empty state. All output goes to `transcript`, whose redactor removes secrets.
    pub(super) fn new(transcript: Transcript) -> Self {
        Self { log: Log::new(LogWriter::new(transcript)), ..Self::default() }
    }

    /// The redactor for the build's output.
    pub(super) fn redactor(&self) -> &Redactor {
        self.log.writer.transcript.redactor()
    }

    /// Applies one message of the stream. Vertices are reported repeatedly; the latest report counts.
    pub(super) fn apply(&mut self, message: control::StatusResponse) {
        let ended: Vec<_> = message.vertexes.into_iter().filter_map(|vertex| self.upsert(vertex)).collect();
        for status in message.statuses {
            self.note_activity(status);
        }
        for line in message.logs {
            self.log.push(&line.vertex, &line.msg);
            if self.is_running(&line.vertex) {
                self.last_heard.heard(&line.vertex);
            }
        }
        for warning in message.warnings {
            self.note_warning(&warning.short);
        }
        // The last lines of a vertex may come in the same message as its end.
        ended.iter().for_each(|vertex| self.log.writer.ended(vertex));
    }

    /// Ends the log: writes the lines that have no line end yet.
    pub(super) fn finish(&mut self) {
        self.log.finish();
    }

    /// Stores a vertex's latest report. Returns it if the vertex has just ended.
    fn upsert(&mut self, vertex: control::Vertex) -> Option<VertexSummary> {
        let known = self.list.find(&vertex.digest);
        // A later report can be about its inputs' cache keys, and says false (buildkit `solver/jobs.go`, `CalcSlowCache`). After a result that
        // could not be loaded, the step runs.
        let was_cached = known.is_some_and(|known| known.cached && known.error.is_none());
        // Each report repeats the name, which does not change.
        let name = known.map_or_else(|| self.kept(&vertex.name, MAX_NAME), |known| known.name.clone());
        let inputs = known.map_or_else(|| self.kept_inputs(vertex.inputs), |known| known.inputs.clone());
        let new_inputs = if known.is_none() { inputs.len() } else { 0 };
        let summary = VertexSummary {
            name,
            digest: vertex.digest,
            cached: vertex.cached || was_cached,
            started: vertex.started.map(time),
            completed: vertex.completed.map(time),
            error: (!vertex.error.is_empty()).then(|| self.kept(&vertex.error, MAX_TEXT)),
            inputs,
        };
        let (begun, ended) = changes(known, &summary);
        self.inputs += new_inputs;
        self.list.put(summary.clone());
        match (begun, summary.completed) {
            (true, _) => self.last_heard.heard(&summary.digest),
            (false, Some(_)) => self.last_heard.ended(&summary.digest),
            (false, None) => {}
        }
        if self.list.find(&summary.digest).is_some() {
            self.log.writer.label(&summary);
        }
        if begun {
            self.log.writer.begun(&summary);
        }
        ended.then_some(summary)
    }

    /// The inputs of a new vertex, as far as there is room for them.
    fn kept_inputs(&self, inputs: Vec<String>) -> Vec<String> {
        let room = MAX_INPUTS.saturating_sub(self.inputs).min(MAX_INPUTS_OF_ONE);
        inputs.into_iter().filter(|digest| digest.len() <= MAX_DIGEST).take(room).collect()
    }

    /// Removes secrets from `text`, then cuts it to `most` bytes.
    fn kept(&self, text: &str, most: usize) -> String {
        let text = self.redactor().clean(text);
        text::head(&text, most).to_owned()
    }

    fn note_warning(&mut self, short: &[u8]) {
        let short = self.kept(&String::from_utf8_lossy(short), MAX_TEXT);
        self.log.writer.warned(&short);
        if self.lint.len() < MAX_WARNINGS {
            self.lint.push(short);
        }
    }

    fn is_running(&self, vertex: &str) -> bool {
        self.list.find(vertex).is_some_and(VertexSummary::is_running)
    }

    fn note_activity(&mut self, status: control::VertexStatus) {
        self.note_layer(&status);
        let id = self.kept(&status.id, MAX_NAME);
        if self.is_running(&status.vertex) {
            self.last_heard.transferred(&status.vertex, &id, status.current);
        }
        if status.completed.is_some() {
            if !status.id.starts_with("sha256:") {
                self.log.writer.done(&status.vertex, &status.id);
            }
            if self.activity.get(&status.vertex).is_some_and(|now| *now == id) {
                self.activity.remove(&status.vertex);
            }
        } else if self.list.find(&status.vertex).is_some() {
            self.activity.insert(status.vertex, id);
        }
    }

    /// Notes a layer. The daemon reports a download under the layer's digest, and what it extracts as `extracting sha256:…`
    /// (`util/pull/pullprogress`, `cache/refs.go`). It reports neither for a layer that it has.
    fn note_layer(&mut self, status: &control::VertexStatus) {
        let (layer, bytes) = match status.id.strip_prefix("extracting ") {
            Some(layer) => (layer, 0),
            None => (status.id.as_str(), u64::try_from(status.total.max(status.current)).unwrap_or(0)),
        };
        let is_kept = self.layers.len() < MAX_LAYERS || self.layers.contains_key(layer);
        if (layer.starts_with("sha256:") || layer.starts_with("sha512:"))
            && layer.len() <= MAX_NAME
            && is_kept
        {
            let known = self.layers.entry(layer.to_owned()).or_default();
            *known = bytes.max(*known);
        }
    }

    /// The number of layers that were downloaded or extracted, and the bytes of those that were downloaded.
    pub(super) fn pulled(&self) -> (usize, u64) {
        (self.layers.len(), self.layers.values().fold(0, |sum, bytes| sum.saturating_add(*bytes)))
    }

    pub(super) fn progress(&self) -> Progress {
        let (total, cached) = self.list.steps();
        let (current, peer) = self.current().unzip();
        Progress { current, total, cached, peer: peer.flatten(), unheard: None }
    }

    /// The running step that began last, or BuildKit's own work if no step runs; and the server that it waits for.
    fn current(&self) -> Option<(String, Option<Peer>)> {
        let running = || self.list.running();
        let latest = |v: &&VertexSummary| v.started;
        let step = running().filter(|v| progress::instruction(&v.name).is_some()).max_by_key(latest);
        let vertex = step.or_else(|| running().max_by_key(latest))?;
        let activity = self.activity.get(&vertex.digest).filter(|id| !id.starts_with("sha256:"));
        let name = if step.is_some() { &vertex.name } else { activity.unwrap_or(&vertex.name) };
        let peer =
            peer::of(&vertex.name, activity.map(String::as_str)).map(|name| self.redactor().line(&name));
        let heard = self.last_heard.last(&vertex.digest);
        let peer = peer.zip(heard).map(|(name, heard)| Peer { name: progress::shorten(&name), heard });
        Some((progress::shorten(&self.redactor().lines(name)), peer))
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    pub(super) fn list(&self) -> &[VertexSummary] {
        self.list.all()
    }

    /// The vertex that failed, if any.
    pub(super) fn failed(&self) -> Option<&VertexSummary> {
        let failed = |v: &&VertexSummary| v.error.as_deref().is_some_and(|e| !e.contains("context canceled"));
        self.list.all().iter().filter(|v| !is_cache(&v.name)).find(failed)
    }

    /// The name of the vertex that an error is about: the one in its details, or one that ended with the same error text.
    pub(super) fn blamed(&self, digest: Option<&str>, message: &str) -> Option<&str> {
        let same = |v: &&VertexSummary| v.error.as_deref().is_some_and(|error| message.contains(error));
        let named = digest.and_then(|digest| self.list.find(digest));
        named.or_else(|| self.list.all().iter().rev().find(same)).map(|v| v.name.as_str())
    }

    /// Whether vertices began, but only those with which the frontend reads the Dockerfile and its context.
    pub(super) fn are_unbegun(&self) -> bool {
        let is_reading = |v: &VertexSummary| {
            v.name.starts_with("[internal] ") || v.name.starts_with("resolve image config")
        };
        let begun = || self.list.all().iter().filter(|v| v.started.is_some());
        begun().next().is_some() && begun().all(is_reading)
    }

    /// Problems that did not end the build: caches that could not be used, and lint.
    pub(super) fn warnings(&self) -> Vec<String> {
        let cache = self.list.all().iter().filter(|v| is_cache(&v.name));
        let cache = cache.filter_map(|v| Some(format!("{}: {}", v.name, v.error.as_deref()?)));
        cache.chain(self.lint.iter().cloned()).take(MAX_WARNINGS).collect()
    }

    pub(super) fn into_list(self) -> Vec<VertexSummary> {
        self.list.into_all()
    }
}

/// Whether a vertex has begun, and whether it has ended, between the reports `before` and `now`.
fn changes(before: Option<&VertexSummary>, now: &VertexSummary) -> (bool, bool) {
    let same_run = before.is_some_and(|before| before.started == now.started);
    let was_over = same_run && before.is_some_and(|before| before.completed.is_some());
    (now.is_running() && !same_run, now.completed.is_some() && !was_over)
}

/// Cache vertices fail without failing the build (`cache/remotecache`).
fn is_cache(name: &str) -> bool {
    name.starts_with("importing cache manifest") || name.starts_with("exporting cache")
}

fn time(timestamp: bollard_buildkit_proto::google::protobuf::Timestamp) -> SystemTime {
    let seconds = u64::try_from(timestamp.seconds).unwrap_or_default();
    let nanos = u32::try_from(timestamp.nanos).unwrap_or_default();
    SystemTime::UNIX_EPOCH + std::time::Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests;
