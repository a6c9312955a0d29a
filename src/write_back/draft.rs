//! A commit in the making: the edits of several writers, each on the result of those before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::Files;
use super::message::{Message, render};
use super::request::{EditFn, Edited, FileChange, Landed, WriteError};
use crate::git::GitError;
use crate::git::tree::Plain;
use crate::outcome::{Fault, StepError};

/// The writers of a lane are numbered.
pub(super) type Id = u64;

/// One writer's change.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: Id,
    pub(super) attempts: u32,
    pub(super) changes: Vec<FileChange>,
    pub(super) message: Message,
    /// What was assumed of the order of source commits.
    pub(super) assumed: Vec<String>,
}

/// A writer that changes nothing, given what those before it change: its answer is that of their push.
#[derive(Debug)]
struct Unchanged {
    id: Id,
    attempts: u32,
    superseded_by: Option<String>,
}

/// The edits so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The tip that it is made on.
    pub(super) base: String,
    /// The tip of the branch that the writers named.
    branch: String,
    plain: BTreeMap<String, Plain>,
    /// Files that differ from `plain` by now, or did.
    now: Files,
    pub(super) parts: Vec<Part>,
    unchanged: Vec<Unchanged>,
}

impl Draft {
    /// No edit on the files of the commit `base`.
    pub(super) fn new(base: String, branch: String, plain: BTreeMap<String, Plain>) -> Self {
        Self { base, branch, plain, ..Self::default() }
    }

    /// The files at `paths`: as they are now, or for a dry run as the branch has them.
    pub(super) fn files(&self, paths: &[String], dry_run: bool) -> Files {
        let now = |path: &String| {
            let edited = self.now.get(path).filter(|_| !dry_run);
            let bytes = edited.or_else(|| self.plain.get(path).map(|plain| &plain.bytes))?;
            Some((path.clone(), bytes.clone()))
        };
        paths.iter().filter_map(now).collect()
    }

    /// Takes a writer's change in.
    pub(super) fn add(&mut self, part: Part) {
        for change in &part.changes {
            self.now.insert(change.path.clone(), change.new.clone());
        }
        self.parts.push(part);
    }

    /// Whether an edit before changed one of the files.
    pub(super) fn is_touched(&self, paths: &[String]) -> bool {
        paths.iter().any(|path| self.now.contains_key(path))
    }

    /// Takes in a writer that has nothing to add.
    pub(super) fn ride(&mut self, id: Id, attempts: u32, superseded_by: Option<String>) {
        self.unchanged.push(Unchanged { id, attempts, superseded_by });
    }

    /// The files that differ from the branch in the end.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&Plain, &Vec<u8>)> {
        let pairs = self.now.iter().filter_map(|(path, new)| Some((self.plain.get(path)?, new)));
        pairs.filter(|(plain, new)| plain.bytes != **new)
    }

    /// The commit's message.
    pub(super) fn message(&self) -> String {
        render(&self.parts.iter().map(|part| &part.message).collect::<Vec<_>>())
    }

    /// Everyone whose answer is that of the push.
    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        self.parts.iter().map(|part| part.id).chain(self.unchanged.iter().map(|writer| writer.id))
    }

    /// The answers when `commit` holds the draft: by our doing, or because it needed none.
    pub(super) fn answers(&self, commit: &str, changed: bool) -> Vec<(Id, Landed)> {
        let batched = if changed { self.parts.len() } else { 1 };
        let landed = |attempts| Landed { commit: commit.to_owned(), batched, ..self.nothing(attempts) };
        let parts = self.parts.iter().map(|part| {
            let files = if changed { part.changes.clone() } else { Vec::new() };
            (part.id, Landed { changed, files, assumed: part.assumed.clone(), ..landed(part.attempts) })
        });
        let unchanged = self.unchanged.iter().map(|writer| {
            let superseded_by = writer.superseded_by.clone();
            (writer.id, Landed { superseded_by, ..landed(writer.attempts) })
        });
        parts.chain(unchanged).collect()
    }

    /// The answer of a writer for whom no commit is made.
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

/// Applies an edit on a thread that may block. A panic in it is its own error.
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

/// What really differs.
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
