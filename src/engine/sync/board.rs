//! The progress of the waits of one step, as one line.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::engine::context::Cx;
use crate::progress::Progress;

/// What each wait does now, by the name of its object.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<String, Option<String>>>);

impl Board {
    /// Shows what the wait for `name` does.
    pub(super) fn show(&self, cx: &Cx, name: &str, now: String) {
        self.set(cx, name, Some(now));
    }

    /// Shows that `name` is done.
    pub(super) fn done(&self, cx: &Cx, name: &str) {
        self.set(cx, name, None);
    }

    fn set(&self, cx: &Cx, name: &str, now: Option<String>) {
        let mut waits = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        waits.insert(name.to_owned(), now);
        if let Some(progress) = line(&waits) {
            cx.report(progress);
        }
    }
}

/// The first that is not done, and how many are.
fn line(waits: &BTreeMap<String, Option<String>>) -> Option<Progress> {
    let (name, now) = waits.iter().find_map(|(name, now)| Some((name, now.as_ref()?)))?;
    let done = waits.values().filter(|now| now.is_none()).count();
    let notes = if waits.len() > 1 { vec![format!("{done} of {} healthy", waits.len())] } else { Vec::new() };
    Some(Progress { now: format!("`{name}`: {now}"), notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_one_that_is_not_done() {
        let of = |waits: &[(&str, Option<&str>)]| {
            line(&waits.iter().map(|(name, now)| ((*name).to_owned(), now.map(str::to_owned))).collect())
        };
        let one = of(&[("api", Some("Progressing"))]).unwrap_or_default();
        assert_eq!((one.now.as_str(), one.notes.len()), ("`api`: Progressing", 0));
        let two = of(&[("api", None), ("web", Some("Degraded"))]).unwrap_or_default();
        assert_eq!((two.now.as_str(), two.notes), ("`web`: Degraded", vec!["1 of 2 healthy".to_owned()]));
        assert_eq!(of(&[("api", None)]), None);
    }
}
