//! The edits that the step wants. They are applied to the current files, and again after every lost race.

use std::collections::BTreeSet;

use super::words::{FileChange, Words, compose};
use crate::manifest::{self, Edit};
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
        let mut changed = Files::new();
        let mut changes = Vec::new();
        let (mut manifests, mut places) = (Vec::new(), Vec::new());
        for (path, bytes) in files {
            let edits = self.edits(path);
            let edited = manifest::apply(bytes, &edits)
                .map_err(|e| StepError::new(e.fault(), format!("{path}:{e}")))?;
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
        Some(self.apply(&old).ok().filter(|edited| !edited.files.is_empty())?.message.to_string())
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

    /// The edits of one file, in the order of the step.
    fn edits(&self, path: &str) -> Vec<Edit> {
        let fitting = self.targets.iter().filter(|target| target.file.matches(path));
        fitting.flat_map(|target| target.edits.iter().cloned()).collect()
    }

    /// The editor's warnings about the edits of these files, one sentence each.
    pub(super) fn warnings(&self, files: &[crate::write_back::FileChange]) -> Vec<String> {
        let of = |file: &crate::write_back::FileChange| {
            let edited = manifest::apply(&file.old, &self.edits(&file.path)).ok();
            let warnings = edited.map(|edited| edited.warnings).unwrap_or_default();
            warnings.into_iter().map(|warning| format!("{}:{warning}", file.path)).collect::<Vec<_>>()
        };
        files.iter().flat_map(of).take(MAX_WARNINGS).collect()
    }

    /// The changes between two versions of the files, for texts about a commit that has landed.
    pub(super) fn changes(&self, files: &[crate::write_back::FileChange]) -> Vec<FileChange> {
        let of = |file: &crate::write_back::FileChange| {
            let edited = manifest::apply(&file.old, &self.edits(&file.path));
            let changes = edited.map(|edited| edited.changes).unwrap_or_default();
            changes
                .into_iter()
                .map(|change| FileChange { file: file.path.clone(), change })
                .collect::<Vec<_>>()
        };
        files.iter().flat_map(of).collect()
    }
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
