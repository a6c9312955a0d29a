//! The progress of a step on standard error.

use std::convert::Infallible;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::progress::Progress;
use crate::text;

/// How often the time in a terminal's line is drawn again.
const TICK: Duration = Duration::from_secs(1);
/// Goes to the beginning of a terminal's line and clears it (ECMA-48, EL).
const CLEAR: &str = "\r\x1b[2K";
/// A line that is longer than the terminal is wide is cut there, and after it lines wrap again (DECAWM).
const CUT: (&str, &str) = ("\x1b[?7l", "\x1b[?7h");

/// The form of the progress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    /// On a terminal a line whose time runs, else `plain`.
    #[default]
    Auto,
    /// A line for each change.
    Plain,
    /// Only the result.
    Quiet,
    /// A JSON object in a line for each change, and for the result.
    Json,
}

impl Form {
    /// Shows the progress whenever it changes.
    pub(super) async fn show(self, lines: watch::Receiver<Progress>) -> Infallible {
        match self {
            Self::Auto if stderr().is_terminal() => live(lines).await,
            Self::Quiet => std::future::pending().await,
            form => changes(form, lines).await,
        }
    }

    /// Says the result, with the exit code.
    pub(super) fn end(self, said: &str, code: u8) {
        match self {
            Self::Json => say(&json!({"result": said, "code": code}).to_string()),
            Self::Auto | Self::Plain | Self::Quiet => say(said),
        }
    }

    fn line(self, progress: &Progress, elapsed: Duration) -> String {
        match self {
            Self::Json => {
                let Progress { now, notes } = progress;
                json!({"now": now, "seconds": elapsed.as_secs_f64(), "notes": notes}).to_string()
            }
            Self::Auto | Self::Plain | Self::Quiet => progress.line(elapsed),
        }
    }
}

async fn changes(form: Form, mut lines: watch::Receiver<Progress>) -> Infallible {
    let started = Instant::now();
    let mut last = String::new();
    while lines.changed().await.is_ok() {
        let progress = lines.borrow_and_update().clone();
        if progress.now != last {
            say(&form.line(&progress, started.elapsed()));
            last = progress.now;
        }
    }
    std::future::pending().await
}

/// A line on a terminal that is drawn again. It is cleared when it is dropped, so that the result has the line.
struct Drawn;

impl Drawn {
    fn draw(line: &str) {
        let (cut, wrap) = CUT;
        let _ = write!(stderr(), "{CLEAR}{cut}{}{wrap}", text::line(line));
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        let _ = write!(stderr(), "{CLEAR}");
    }
}

async fn live(mut lines: watch::Receiver<Progress>) -> Infallible {
    let (started, _drawn) = (Instant::now(), Drawn);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown = Progress::default();
    let mut is_open = true;
    loop {
        tokio::select! {
            changed = lines.changed(), if is_open => is_open = changed.is_ok(),
            _ = ticks.tick() => {}
        }
        let progress = lines.borrow_and_update().clone();
        if progress.now != shown.now && !shown.now.is_empty() {
            // What is over stays above, with its time.
            Drawn::draw(&shown.line(started.elapsed()));
            say("");
        }
        shown = progress;
        Drawn::draw(&shown.line(started.elapsed()));
    }
}

/// Prints plain text. A closed output must not fail a build.
fn say(line: &str) {
    let _ = writeln!(stderr(), "{}", text::lines(line));
}
