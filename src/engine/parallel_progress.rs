//! The progress of what one step does at the same time, as one line.

use std::sync::{Arc, Mutex, PoisonError};

use crate::progress::Progress;
use crate::text;

/// The most bytes that all parts have together. Each line is written to the workflow.
const LONGEST: usize = 400;

/// One part of a progress. Each part knows what the others do.
#[derive(Debug, Clone)]
pub(super) struct ProgressPart {
    number: usize,
    /// The name of each part, and what it does.
    all: Arc<Mutex<Vec<(String, Progress)>>>,
}

impl ProgressPart {
    /// The parts with these names.
    pub(super) fn of(names: &[String]) -> Vec<Self> {
        let all = names.iter().map(|name| (name.clone(), Progress::default())).collect();
        let all = Arc::new(Mutex::new(all));
        (0..names.len()).map(|number| Self { number, all: Arc::clone(&all) }).collect()
    }

    /// The progress of all parts, now that this one does `progress`.
    pub(super) fn with(&self, progress: Progress) -> Progress {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, own)) = all.get_mut(self.number) {
            *own = progress;
        }
        let begun = all.iter().filter(|(_, progress)| !progress.now.is_empty());
        let share = LONGEST / all.len().max(1);
        let lines = begun.map(|(name, progress)| text::cut(line(name, progress), share));
        Progress::now(lines.collect::<Vec<_>>().join(", "))
    }
}

/// `NAME: NOW (NOTES)`. BuildKit's steps begin with the name already: `[linux/arm64 2/3] RUN make`.
fn line(name: &str, progress: &Progress) -> String {
    let Progress { now, notes } = progress;
    let named = match now.starts_with(&format!("[{name} ")) {
        true => now.clone(),
        false => format!("{name}: {now}"),
    };
    if notes.is_empty() { named } else { format!("{named} ({})", notes.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_shown_beside_the_others() {
        let parts = ProgressPart::of(&["linux/amd64".to_owned(), "linux/arm64".to_owned()]);
        let [amd, arm] = &parts[..] else { panic!("{parts:?}") };
        let waits = amd.with(Progress::now("waiting for b-0, 2 before you")).now;
        assert_eq!(waits, "linux/amd64: waiting for b-0, 2 before you");
        let notes = vec!["4 cached".to_owned()];
        let now = arm.with(Progress { now: "[linux/arm64 2/3] RUN make".to_owned(), notes });
        assert_eq!(now, Progress::now(format!("{waits}, [linux/arm64 2/3] RUN make (4 cached)")));
        let long = amd.with(Progress::now("x".repeat(1000))).now;
        assert!(long.len() < LONGEST && long.contains("…, [linux/arm64 2/3]"), "{long}");
    }
}
