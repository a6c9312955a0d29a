//! What a job is doing right now, as one line.

use std::time::Duration;

use crate::duration::elapsed_text;

/// What runs now, and what is worth knowing about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What runs now: `[3/7] RUN npm ci`, `pushing layers`, `waiting for the git server`.
    pub now: String,
    /// What follows the elapsed time: `4 cached`.
    pub notes: Vec<String>,
}

impl Progress {
    /// A line without notes.
    pub fn now(now: impl Into<String>) -> Self {
        Self { now: now.into(), notes: Vec::new() }
    }

    /// `[3/7] RUN npm ci · 41 s · 4 cached`.
    pub fn line(&self, elapsed: Duration) -> String {
        let now = if self.now.is_empty() { "starting" } else { &self.now };
        let mut parts = vec![now.to_owned(), elapsed_text(elapsed)];
        parts.extend(self.notes.iter().cloned());
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_what_runs_how_long_and_what_is_cached() {
        let progress = Progress { now: "[3/7] RUN npm ci".into(), notes: vec!["4 cached".into()] };
        assert_eq!(progress.line(Duration::from_secs(41)), "[3/7] RUN npm ci · 41 s · 4 cached");
        assert_eq!(Progress::default().line(Duration::from_millis(420)), "starting · 0.4 s");
        assert_eq!(Progress::now("x").line(Duration::from_secs(185)), "x · 3 m 05 s");
        assert_eq!(Progress::now("x").line(Duration::from_secs(7260)), "x · 2 h 01 m");
    }
}
