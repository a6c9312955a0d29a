//! One vertex of a build, as it was last reported.

use std::time::SystemTime;

use super::log_writer::MAX_LABEL;
use crate::buildkit::progress;

/// One vertex of a build, with the data for a trace span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VertexSummary {
    /// The vertex's name, such as `[build 3/7] RUN npm ci`.
    pub name: String,
    /// The vertex's digest.
    pub digest: String,
    /// Whether its result came from a cache.
    pub cached: bool,
    /// The start time, if it began.
    pub started: Option<SystemTime>,
    /// The end time, if it ended.
    pub completed: Option<SystemTime>,
    /// The error, if it failed.
    pub error: Option<String>,
    /// The digests of the vertices whose results it reads. Work around the steps, such as an export, names none.
    pub inputs: Vec<String>,
}

impl VertexSummary {
    /// The vertex's name in the build's log, at its begin and end. `clean` removes secrets; half a secret could not be found.
    pub fn log_name(&self, clean: impl Fn(&str) -> String) -> String {
        progress::shorten(&clean(&self.name))
    }

    /// The beginning of each line that the vertex printed, in the build's log. `clean` removes secrets.
    pub fn log_label(&self, clean: impl Fn(&str) -> String) -> String {
        progress::shorten_to(&clean(&self.name), MAX_LABEL)
    }

    /// Whether this is a step of the Dockerfile that can be cached. `FROM` is not: it is never reported as cached.
    pub fn is_step(&self) -> bool {
        let Some(instruction) = progress::instruction(&self.name) else { return false };
        !instruction.starts_with("FROM ")
    }

    pub(in crate::buildkit) fn is_running(&self) -> bool {
        self.started.is_some() && self.completed.is_none()
    }
}
