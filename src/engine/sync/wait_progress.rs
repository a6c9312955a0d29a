//! The progress of the waits of one step, as one line.

use std::sync::{Mutex, MutexGuard};

use crate::engine::context::Cx;
use crate::progress::Progress;

/// The name of an object, and what its wait does now; `None` if it is done. A step may have several waits of one name: a Deployment and an
/// Application, or one Application with two lists of images.
type Wait = (String, Option<String>);

/// The waits, by their numbers.
#[derive(Debug, Default)]
pub(super) struct WaitProgress(Mutex<Vec<Wait>>);

impl WaitProgress {
    /// Adds the wait for `name`, and returns its number.
    pub(super) fn add(&self, name: &str) -> usize {
        let mut waits = self.waits();
        waits.push((name.to_owned(), Some("reading it".to_owned())));
        waits.len() - 1
    }

    /// Shows what the wait `number` does.
    pub(super) fn show(&self, cx: &Cx, number: usize, now: String) {
        self.report(cx, number, Some(now));
    }

    /// Shows that the wait `number` is done.
    pub(super) fn done(&self, cx: &Cx, number: usize) {
        self.report(cx, number, None);
    }

    fn report(&self, cx: &Cx, number: usize, now: Option<String>) {
        if let Some(progress) = self.set(number, now) {
            cx.report(progress);
        }
    }

    fn set(&self, number: usize, now: Option<String>) -> Option<Progress> {
        let mut waits = self.waits();
        waits[number].1 = now;
        line(&waits)
    }

    fn waits(&self) -> MutexGuard<'_, Vec<Wait>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The first that is not done, and how many are.
fn line(waits: &[Wait]) -> Option<Progress> {
    let (name, now) = waits.iter().find_map(|(name, now)| Some((name, now.as_ref()?)))?;
    let done = waits.iter().filter(|(_, now)| now.is_none()).count();
    let notes = if waits.len() > 1 { vec![format!("{done} of {} healthy", waits.len())] } else { Vec::new() };
    Some(Progress { now: format!("`{name}`: {now}"), notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line of the waits for `names` after the wait `number` has changed.
    fn shown(names: &[&str], number: usize, now: Option<&str>) -> Option<(String, Vec<String>)> {
        let waits = WaitProgress::default();
        let numbers: Vec<_> = names.iter().map(|name| waits.add(name)).collect();
        let progress = waits.set(numbers[number], now.map(str::to_owned))?;
        Some((progress.now, progress.notes))
    }

    #[test]
    fn the_line_names_one_that_is_not_done() {
        let line = |now: &str, notes: &[&str]| {
            let notes: Vec<String> = notes.iter().map(|note| (*note).to_owned()).collect();
            Some((now.to_owned(), notes))
        };
        assert_eq!(shown(&["api"], 0, Some("Progressing")), line("`api`: Progressing", &[]));
        assert_eq!(shown(&["api"], 0, None), None);
        assert_eq!(shown(&["api", "web"], 0, None), line("`web`: reading it", &["1 of 2 healthy"]));
        assert_eq!(shown(&["api", "api"], 0, None), line("`api`: reading it", &["1 of 2 healthy"]));
        assert_eq!(shown(&["api", "api"], 1, None), line("`api`: reading it", &["1 of 2 healthy"]));
        assert_eq!(shown(&["api", "api"], 0, Some("Degraded")), line("`api`: Degraded", &["0 of 2 healthy"]));
    }
}
