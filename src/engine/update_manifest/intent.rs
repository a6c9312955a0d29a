//! The edits that the step wants. They are applied to the current files, and again after every lost race.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::words::{FileChange, Words, compose};
use crate::manifest::{self, Concerns, Edit, EditError};
use crate::outcome::StepError;
use crate::step::UpdateManifest;
use crate::step::update_manifest::{Target, Template};
use crate::write_back::{Edited, Files};

/// The largest number of warnings in a step's outputs, which are stored in etcd.
const MAX_WARNINGS: usize = 32;

/// The targets, and the texts for the commit that updates them.
pub(super) struct Intent {
    targets: Vec<Target>,
    message: Option<Template>,
    skip_ci: bool,
    pub(super) words: Words,
}

impl Intent {
    pub(super) fn new(update: &UpdateManifest, words: Words) -> Self {
        let (targets, message) = (update.targets.clone(), update.message.clone());
        Self { targets, message, skip_ci: update.skip_ci, words }
    }

    /// Applies the edits to `files`. Returns the changed files and the commit message.
    pub(super) fn apply(&self, files: &Files) -> Result<Edited, StepError> {
        self.some_file_has_each(files)?;
        self.edited(files)
    }

    /// Applies the edits to `files`, which may be some of the step's files.
    fn edited(&self, files: &Files) -> Result<Edited, StepError> {
        let mut changed = Files::new();
        let mut changes = Vec::new();
        let (mut manifests, mut places) = (Vec::new(), Vec::new());
        for (path, bytes) in files {
            let edits = self.edits(path, bytes);
            if edits.is_empty() {
                continue;
            }
            let edited = manifest::apply(bytes, &edits).map_err(|e| refused(path, &e))?;
            places.extend(untold(&edits, &edited.addresses).into_iter().map(|at| format!("{path} {at}")));
            manifests.extend(edits.iter().map(|edit| format!("{path} {}", edit.target)));
            changes
                .extend(edited.changes.into_iter().map(|change| FileChange { file: path.clone(), change }));
            if edited.changed {
                changed.insert(path.clone(), edited.bytes);
            }
        }
        let message = compose(&self.text(&changes), self.skip_ci, self.words.trailers(manifests, places));
        Ok(Edited { files: changed, message })
    }

    /// The whole message for a commit with exactly the landed changes; `None` if nothing changed.
    pub(super) fn message(&self, landed: &[crate::write_back::FileChange]) -> Option<String> {
        let old: Files = landed.iter().map(|file| (file.path.clone(), file.old.clone())).collect();
        // A setter may concern only files that did not change.
        Some(self.edited(&old).ok().filter(|edited| !edited.files.is_empty())?.message.to_string())
    }

    /// The commit's message without marker and trailers.
    fn text(&self, changes: &[FileChange]) -> String {
        match &self.message {
            Some(template) => self.words.fill(template, changes),
            None => self.words.message(changes),
        }
    }

    /// The first line of the message.
    pub(super) fn subject(&self, changes: &[FileChange]) -> String {
        self.text(changes).lines().next().unwrap_or_default().to_owned()
    }

    /// The edits of one file, in the order of the step. Of the files of a glob, a setter concerns those with its comment.
    fn edits(&self, path: &str, bytes: &[u8]) -> Vec<Edit> {
        let fitting = self.targets.iter().filter(|target| target.file.matches(path));
        let concerns = LazyCell::new(|| Concerns::of(bytes));
        let concerning = |target: &Target| {
            let is_glob = target.file.is_glob();
            let is_of = |edit: &&Edit| !is_glob || concerns.has(&edit.target);
            target.edits.iter().filter(is_of).cloned().collect::<Vec<_>>()
        };
        fitting.flat_map(concerning).collect()
    }

    /// Refuses an edit of a glob that concerns none of its files.
    fn some_file_has_each(&self, files: &Files) -> Result<(), StepError> {
        let globs: Vec<_> = self.targets.iter().filter(|target| target.file.is_glob()).collect();
        let of_globs = files.iter().filter(|(path, _)| globs.iter().any(|target| target.file.matches(path)));
        let concerns: BTreeMap<&String, Concerns> =
            of_globs.map(|(path, bytes)| (path, Concerns::of(bytes))).collect();
        for target in globs {
            let fitting: Vec<_> = concerns.iter().filter(|(path, _)| target.file.matches(path)).collect();
            let Some((path, _)) = fitting.first() else { continue };
            for edit in &target.edits {
                if !fitting.iter().any(|(_, concerns)| concerns.has(&edit.target)) {
                    let first = files.get(**path).map(Vec::as_slice).unwrap_or_default();
                    manifest::apply(first, std::slice::from_ref(edit)).map_err(|e| refused(path, &e))?;
                }
            }
        }
        Ok(())
    }

    /// The editor's warnings about the edits of these files, one sentence each.
    pub(super) fn warnings(&self, files: &[crate::write_back::FileChange]) -> Vec<String> {
        let of = |file: &crate::write_back::FileChange| {
            let edited = manifest::apply(&file.old, &self.edits(&file.path, &file.old)).ok();
            let warnings = edited.map(|edited| edited.warnings).unwrap_or_default();
            warnings.into_iter().map(|warning| format!("{}:{warning}", file.path)).collect::<Vec<_>>()
        };
        files.iter().flat_map(of).take(MAX_WARNINGS).collect()
    }

    /// The changes between two versions of the files, for texts about a commit that has landed.
    pub(super) fn changes(&self, files: &[crate::write_back::FileChange]) -> Vec<FileChange> {
        let of = |file: &crate::write_back::FileChange| {
            let edited = manifest::apply(&file.old, &self.edits(&file.path, &file.old));
            let changes = edited.map(|edited| edited.changes).unwrap_or_default();
            changes
                .into_iter()
                .map(|change| FileChange { file: file.path.clone(), change })
                .collect::<Vec<_>>()
        };
        files.iter().flat_map(of).collect()
    }
}

fn refused(path: &str, error: &EditError) -> StepError {
    StepError::new(error.fault(), format!("{path}:{error}"))
}

/// The targets in these files that a trailer `FILE TARGET` of an older commit may have set.
pub(super) fn named(files: &Files, manifest: &str) -> BTreeSet<String> {
    let of = |(path, bytes): (&String, &Vec<u8>)| {
        let target = manifest.strip_prefix(path.as_str())?.strip_prefix(' ')?;
        let addresses = manifest::addresses(bytes, &target.parse().ok()?);
        Some(addresses.into_iter().map(|address| format!("{path} {address}")).collect::<Vec<_>>())
    };
    files.iter().filter_map(of).flatten().collect()
}

/// The addresses that the edits' targets do not name themselves. If there are too many for a list, the targets are
/// used instead.
fn untold(edits: &[Edit], addresses: &BTreeSet<String>) -> Vec<String> {
    let targets: BTreeSet<_> = edits.iter().map(|edit| edit.target.to_string()).collect();
    match addresses.is_empty() {
        true => targets.into_iter().filter(|target| !target.starts_with("helm:")).collect(),
        false => addresses.iter().filter(|at| !targets.contains(&format!("helm:{at}"))).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_message_of_what_landed_needs_no_file_that_did_not_change() {
        let edits = ["setter:n:a=:v2", "setter:n:b=:v2"].map(|edit| edit.parse().unwrap());
        let words = Words {
            image: None,
            branch: "main".to_owned(),
            source: None,
            workflow: "team-a/wf".to_owned(),
            workflow_url: None,
            traceparent: None,
        };
        let target = Target { file: "*.yaml".parse().unwrap(), edits: edits.into() };
        let intent = Intent { targets: vec![target], message: None, skip_ci: false, words };
        let file = |policy: &str, tag: &str| format!("i: x:{tag} # {{\"$imagepolicy\": \"n:{policy}\"}}\n");
        let files = [("a.yaml", file("a", "v2")), ("b.yaml", file("b", "v1"))];
        let files: Files = files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into();
        let edited = intent.apply(&files).unwrap();
        assert_eq!(edited.files.keys().collect::<Vec<_>>(), ["b.yaml"]);
        let change = |(path, new): (String, Vec<u8>)| crate::write_back::FileChange {
            old: files[&path].clone(),
            path,
            new,
        };
        let landed: Vec<_> = edited.files.into_iter().map(change).collect();
        let message = intent.message(&landed).unwrap();
        assert!(message.contains("b.yaml setter:n:b"), "{message}");
    }
}
