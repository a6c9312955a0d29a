//! A commit in the making: the edits of several writers, each on the result of those before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::Files;
use super::message::{Message, render};
use super::request::{EditFn, Edited, FileChange, Landed, WriteError};
use crate::git::GitError;
use crate::git::tree::PlainFile;
use crate::outcome::{Fault, StepError};

/// The number of a writer in its lane.
pub(super) type Id = u64;

/// One writer's change.
#[derive(Debug)]
pub(super) struct WriterEdit {
    pub(super) id: Id,
    pub(super) attempts: u32,
    pub(super) changes: Vec<FileChange>,
    pub(super) message: Message,
    /// The assumptions about the order of source commits, one sentence each.
    pub(super) assumed: Vec<String>,
}

/// A writer whose edit changes nothing after the edits before it. It gets the result of their push.
#[derive(Debug)]
struct Unchanged {
    id: Id,
    attempts: u32,
    superseded_by: Option<String>,
}

/// The edits so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The parent commit.
    pub(super) base: String,
    /// The tip of the branch that the writers named. It differs from `base` if the parent is on a pull request's
    /// branch.
    branch: String,
    plain: BTreeMap<String, PlainFile>,
    /// The current content of files that an edit changed.
    edited: Files,
    pub(super) edits: Vec<WriterEdit>,
    unchanged: Vec<Unchanged>,
}

impl Draft {
    /// A draft without edits, on the files of the commit `base`.
    pub(super) fn new(base: String, branch: String, plain: BTreeMap<String, PlainFile>) -> Self {
        Self { base, branch, plain, ..Self::default() }
    }

    /// The files at `paths`: with the edits so far, or for a dry run as on the branch.
    pub(super) fn files(&self, paths: &[String], dry_run: bool) -> Files {
        let now = |path: &String| {
            let edited = self.edited.get(path).filter(|_| !dry_run);
            let bytes = edited.or_else(|| self.plain.get(path).map(|plain| &plain.bytes))?;
            Some((path.clone(), bytes.clone()))
        };
        paths.iter().filter_map(now).collect()
    }

    /// Adds a writer's edit.
    pub(super) fn add(&mut self, edit: WriterEdit) {
        for change in &edit.changes {
            self.edited.insert(change.path.clone(), change.new.clone());
        }
        self.edits.push(edit);
    }

    /// Whether an earlier edit changed one of the files.
    pub(super) fn is_touched(&self, paths: &[String]) -> bool {
        paths.iter().any(|path| self.edited.contains_key(path))
    }

    /// Adds a writer whose edit changes nothing.
    pub(super) fn add_unchanged(&mut self, id: Id, attempts: u32, superseded_by: Option<String>) {
        self.unchanged.push(Unchanged { id, attempts, superseded_by });
    }

    /// The files that the draft changes, with their new content.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&PlainFile, &Vec<u8>)> {
        let pairs = self.edited.iter().filter_map(|(path, new)| Some((self.plain.get(path)?, new)));
        pairs.filter(|(plain, new)| plain.bytes != **new)
    }

    /// The commit's message.
    pub(super) fn message(&self) -> String {
        render(&self.edits.iter().map(|edit| &edit.message).collect::<Vec<_>>())
    }

    /// All writers that get the result of the push.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.edits.iter().map(|edit| edit.id).chain(self.unchanged.iter().map(|writer| writer.id))
    }

    /// The answers when `commit` contains the draft, either because it was pushed or because nothing had to change.
    pub(super) fn answers(&self, commit: &str, changed: bool) -> Vec<(Id, Landed)> {
        let batched = if changed { self.edits.len() } else { 1 };
        let landed = |attempts| Landed { commit: commit.to_owned(), batched, ..self.nothing(attempts) };
        let edits = self.edits.iter().map(|edit| {
            let files = if changed { edit.changes.clone() } else { Vec::new() };
            (edit.id, Landed { changed, files, assumed: edit.assumed.clone(), ..landed(edit.attempts) })
        });
        let unchanged = self.unchanged.iter().map(|writer| {
            let superseded_by = writer.superseded_by.clone();
            (writer.id, Landed { superseded_by, ..landed(writer.attempts) })
        });
        edits.chain(unchanged).collect()
    }

    /// The answer for a writer without a commit.
    pub(super) fn nothing(&self, attempts: u32) -> Landed {
        Landed {
            commit: self.base.clone(),
            changed: false,
            attempts,
            files: Vec::new(),
            superseded_by: None,
            assumed: Vec::new(),
            batched: 1,
            base: self.branch.clone(),
        }
    }
}

/// Runs an edit on a thread that may block. A panic in it becomes an error of this edit.
pub(super) async fn apply(edit: EditFn, files: Arc<Files>) -> Result<(Vec<FileChange>, Message), WriteError> {
    let given = Arc::clone(&files);
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(|| edit(&given))).await;
    let edited =
        done.map_err(|e| WriteError::Edit(StepError::new(Fault::Ours, format!("the edit broke off: {e}"))))?;
    let Edited { files: new, message } = edited.map_err(WriteError::Edit)?;
    let changes = changes(&files, new)?;
    if !changes.is_empty() {
        message.check()?;
    }
    Ok((changes, message))
}

/// The files that really differ.
fn changes(old: &Files, new: Files) -> Result<Vec<FileChange>, GitError> {
    let mut changes = Vec::new();
    for (path, new) in new {
        let Some(old) = old.get(&path) else {
            return Err(GitError::local(
                "commit an edit",
                format!("it returned `{path}`, which it was not given"),
            ));
        };
        if *old != new {
            changes.push(FileChange { path, old: old.clone(), new });
        }
    }
    Ok(changes)
}
