//! The current activity of a job, as one line.

use std::time::Duration;

use crate::duration::elapsed_text;

/// The beginning of the activity of a build whose daemon does not answer. The reason follows.
pub const UNREACHED: &str = "waiting for buildkitd: ";

/// The current activity, with notes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The current activity: `[3/7] RUN npm ci`, `pushing layers`, `waiting for the git server`.
    pub now: String,
    /// Notes after the elapsed time: `4 cached`.
    pub notes: Vec<String>,
}

impl Progress {
    /// A progress without notes.
    pub fn now(now: impl Into<String>) -> Self {
        Self { now: now.into(), notes: Vec::new() }
    }

    /// The progress as one line: `[3/7] RUN npm ci · 41 s · 4 cached`.
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
