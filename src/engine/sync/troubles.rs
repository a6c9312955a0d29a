//! The troubles of the pods that a wait is for: what the last look saw, since when, and when the next look is due.

use std::time::Duration;

use tokio::time::Instant;

use super::look::Look;

/// The first look after the beginning of a wait, and the time between two.
const FIRST: Duration = Duration::from_secs(3);
const EVERY: Duration = Duration::from_secs(5);

/// The most troubles that a message names.
const NAMED: usize = 3;

/// When pods are looked at, and since when some are in trouble.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    looked: Option<Instant>,
    since: Option<Instant>,
    texts: Vec<String>,
    /// What Rollouts say.
    notes: Vec<String>,
    is_only_scaling: bool,
    has_failed: bool,
}

impl Troubles {
    /// When the next look is due, for a state that lasts since `since`.
    pub(super) fn look_at(&self, since: Instant) -> Instant {
        let next = self.looked.map(|looked| looked + EVERY);
        next.unwrap_or(since + FIRST).max(since + FIRST)
    }

    /// Notes a look.
    pub(super) fn note(&mut self, look: Look) {
        let now = Instant::now();
        self.looked = Some(now);
        self.is_only_scaling = look.is_only_scaling();
        self.has_failed = look.has_failed();
        self.since = if look.troubles.is_empty() { None } else { self.since.or(Some(now)) };
        self.texts = look.troubles;
        self.notes = look.notes;
    }

    /// Forgets what Rollouts said.
    pub(super) fn forget_notes(&mut self) {
        self.notes.clear();
    }

    /// Whether the last look saw a rollout that has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Whether the last look saw that only the number of pods changes.
    pub(super) fn is_only_scaling(&self) -> bool {
        self.is_only_scaling
    }

    /// When pods will have been in trouble for `limit`; `None` if they are not in trouble.
    pub(super) fn over_at(&self, limit: Duration) -> Option<Instant> {
        self.since.map(|since| since + limit)
    }

    /// Whether pods have been in trouble for `limit`.
    pub(super) fn last(&self, limit: Duration) -> bool {
        self.over_at(limit).is_some_and(|over| over <= Instant::now())
    }

    /// Whether no pod is in trouble.
    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The first troubles, how many more there are, and what Rollouts say.
    fn text(&self) -> String {
        let more = self.texts.len().checked_sub(NAMED).filter(|more| *more > 0);
        let more = more.map(|more| format!("and {more} more"));
        let notes = self.notes.iter().take(NAMED).cloned();
        self.texts.iter().take(NAMED).cloned().chain(more).chain(notes).collect::<Vec<_>>().join("; ")
    }

    /// `sentence`, and after it the troubles and what Rollouts say.
    pub(super) fn after(&self, sentence: String) -> String {
        match self.text().as_str() {
            "" => sentence,
            text => format!("{sentence}: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(texts: &[&str]) -> Look {
        let mut look = Look::default();
        look.troubles.extend(texts.iter().map(|text| (*text).to_owned()));
        look
    }

    #[tokio::test(start_paused = true)]
    async fn troubles_last_until_a_look_without_any() {
        let (mut troubles, limit) = (Troubles::default(), Duration::from_secs(10));
        let began = Instant::now();
        assert_eq!(troubles.look_at(began), began + FIRST);
        troubles.note(seen(&["a", "b", "c", "d", "e"]));
        assert_eq!(troubles.after("late".to_owned()), "late: a; b; c; and 2 more");
        tokio::time::advance(Duration::from_secs(6)).await;
        troubles.note(seen(&["a"]));
        assert!(!troubles.last(limit));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(troubles.last(limit));
        troubles.note(seen(&[]));
        assert!(!troubles.last(limit));
        assert_eq!(troubles.after("late".to_owned()), "late");
        let mut look = seen(&["a"]);
        look.notes.push("Rollout `api`: it is paused".to_owned());
        troubles.note(look);
        assert_eq!(troubles.after("late".to_owned()), "late: a; Rollout `api`: it is paused");
    }
}
