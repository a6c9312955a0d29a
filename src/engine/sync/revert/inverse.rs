//! The inverse of our commit: the edit that reverts it, and the message of that edit.

use std::collections::BTreeSet;

use crate::git::FileSpec;
use crate::git::store::LogEntry;
use crate::manifest::{Restore, Target, restore};
use crate::outcome::StepError;
use crate::selection::skip_mark;
use crate::write_back::{Edited, Files, Message, WorkflowPart, trailer};

/// The edit that reverts our commit. It is applied to the present files, and again after every lost race.
pub(super) struct Inverse {
    specs: Vec<FileSpec>,
    /// The files before our commit.
    old: Files,
    /// The files with our commit.
    new: Files,
    /// `FILE ADDRESS` of each value to restore; `None` means everything that the commit set.
    places: Option<BTreeSet<String>>,
    message: Message,
}

impl Inverse {
    /// The inverse of the part of the commit `ours`. `uid` is that of the workflow, and `cause` the reason, in one clause.
    pub(super) fn new(
        ours: &LogEntry,
        part: WorkflowPart,
        specs: Vec<FileSpec>,
        old: Files,
        new: Files,
        (uid, cause): (&str, &str),
    ) -> Self {
        let commit = ours.oid.to_string();
        let WorkflowPart { mut trailers, places } = part;
        let text = text(&ours.message, &commit, cause);
        trailers.push((trailer::REVERTS.to_owned(), commit));
        trailers.push((trailer::WORKFLOW_UID.to_owned(), uid.to_owned()));
        Self { specs, old, new, places, message: Message { text, trailers } }
    }

    /// The files that it may change.
    pub(super) fn files(&self) -> &[FileSpec] {
        &self.specs
    }

    /// Applies it to `files`.
    ///
    /// # Errors
    /// A value is no longer the one that our commit wrote, so a newer commit counts.
    pub(super) fn apply(&self, files: &Files) -> Result<Edited, StepError> {
        let mut restored = Files::new();
        for (path, now) in files {
            let (Some(old), Some(new)) = (self.old.get(path), self.new.get(path)) else { continue };
            let only = self.addresses(path);
            let change = Restore { old, new, now, only: only.as_ref() };
            let bytes = restore(&change).map_err(|error| StepError::user(format!("{path}: {error}")))?;
            restored.insert(path.clone(), bytes);
        }
        Ok(Edited { files: restored, message: self.message.clone() })
    }

    /// The addresses in the file at `path` whose values are restored.
    fn addresses(&self, path: &str) -> Option<BTreeSet<String>> {
        let of_file = |place: &String| place.strip_prefix(path)?.strip_prefix(' ').map(str::to_owned);
        self.places.as_ref().map(|places| places.iter().filter_map(of_file).collect())
    }
}

/// The message as `git revert` writes it, and the reason. A mark that asks for no build stays.
fn text(message: &str, commit: &str, cause: &str) -> String {
    let subject = message.lines().next().unwrap_or_default();
    let mark = skip_mark(message).filter(|mark| !subject.contains(mark) && mark.starts_with('['));
    let mark = mark.map(|mark| format!("\n\n{mark}")).unwrap_or_default();
    format!("Revert \"{subject}\"\n\nThis reverts commit {commit}.\n\n{cause}.{mark}")
}

/// The file in a trailer `FILE TARGET`. Both may contain spaces.
pub(super) fn file_of(manifest: &str) -> Option<&str> {
    let mut parts = manifest.match_indices(' ').map(|(at, _)| (&manifest[..at], &manifest[at + 1..]));
    parts.find(|(_, target)| target.parse::<Target>().is_ok()).map(|(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_spaces_is_told_from_its_target() {
        assert_eq!(file_of("a b/c.yaml helm:image.tag"), Some("a b/c.yaml"));
        assert_eq!(file_of("a.yaml helm:\"x y\".tag"), Some("a.yaml"));
        assert_eq!(file_of("a.yaml"), None);
    }

    #[test]
    fn the_message_is_that_of_git_with_a_reason() {
        let said = text("Set a\n\nbody\n\n[skip ci]\n\nWorkflow: b/w\n", "abc", "`api` is Degraded");
        assert_eq!(said, "Revert \"Set a\"\n\nThis reverts commit abc.\n\n`api` is Degraded.\n\n[skip ci]");
        let marked = text("Set [skip ci]\n", "abc", "`api` is Degraded");
        assert_eq!(marked, "Revert \"Set [skip ci]\"\n\nThis reverts commit abc.\n\n`api` is Degraded.");
    }
}
