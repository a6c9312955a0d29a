//! Applies the edits of all writers to the files of one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use git2::Oid;

use super::LaneTask;
use super::base_commit::BaseCommit;
use super::edit_memory::{EditMemory, parsed};
use crate::git::GitError;
use crate::git::read::HistoryDepth;
use crate::git::tree::{FileEntry, PlainFile};
use crate::limits::TooMuch;
use crate::write_back::draft::{Draft, Id, WriterEdit, apply};
use crate::write_back::message::{Group, groups};
use crate::write_back::request::{Landed, WriteError};
use crate::write_back::supersede::{Order, PlannedWrite, Question};

/// The trailers in a branch's history, newest first.
pub(super) struct BranchTrailers {
    groups: Vec<Group>,
    /// Whether there are older commits that were not read.
    more: bool,
}

/// Why a change may not be written, according to the source's history.
enum Objection {
    /// A newer commit is in the draft. The writer's answer waits for the push of the draft.
    InDraft(String),
    /// A newer commit is on the branch.
    OnBranch(String),
    /// The source could not be asked.
    Failed(GitError),
    /// The source has not answered yet.
    Unanswered(Vec<Question>),
}

/// Turns the order of the source commits into assumptions or an objection. `newer` says where the newer commit is.
fn objection(order: Order, newer: fn(String) -> Objection) -> Result<Vec<String>, Objection> {
    match order {
        Order::Newest(assumed) => Ok(assumed),
        Order::Newer(commit) => Err(newer(commit)),
        Order::Failed(error) => Err(Objection::Failed(error)),
        Order::Unanswered(open) => Err(Objection::Unanswered(open)),
    }
}

fn too_large(error: TooMuch) -> GitError {
    GitError::Input { what: format!("the files of this step are too large: {error}") }
}

impl LaneTask {
    /// Applies the edits of all writers in turn. A writer that fails, or has nothing to change, gets its answer at
    /// once.
    pub(super) async fn draft(&mut self, base: &BaseCommit) -> Result<Draft, GitError> {
        let files = self.files(&base.commit).await?;
        let plain = files.values().flatten().map(|p| (p.entry.path.clone(), p.clone())).collect();
        let mut draft = Draft::new(base.commit.clone(), base.branch.clone(), plain);
        let paths = |files: Vec<PlainFile>| files.into_iter().map(|p| p.entry.path).collect();
        let files: BTreeMap<Id, Vec<String>> =
            files.into_iter().map(|(id, files)| (id, paths(files))).collect();
        self.source_waits.with_open_questions.clear();
        for (id, paths) in files {
            self.edit(&mut draft, base, id, &paths).await?;
        }
        self.orders.forget_failures();
        Ok(draft)
    }

    /// Loads each writer's files. A writer whose files cannot be edited gets its error at once.
    async fn files(&mut self, tip: &str) -> Result<BTreeMap<Id, Vec<PlainFile>>, GitError> {
        if self.writers.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.reader.checkout(tip).await?;
        // Writers that arrived while the trees were read are included.
        self.join();
        let ready = self.writers.iter().filter(|(id, _)| !self.source_waits.has(**id)).take(self.at_most);
        let (ids, wanted): (Vec<Id>, Vec<_>) = ready.map(|(id, w)| (*id, w.request.files.clone())).unzip();
        let selected: Vec<_> = ids.into_iter().zip(self.reader.select(tip, wanted).await?).collect();
        let entries: Vec<FileEntry> =
            selected.iter().filter_map(|(_, found)| found.as_ref().ok()).flatten().cloned().collect();
        let sizes = self.reader.sizes(tip, &entries).await?;
        let selected = self.that_fit(selected, &sizes).await?;
        let entries = selected.iter().filter_map(|(_, found)| found.as_ref().ok()).flatten().cloned();
        let contents = self.reader.contents(entries.collect()).await?;
        let mut files = BTreeMap::new();
        for (id, found) in selected {
            let read = |entry: &FileEntry| contents.get(&entry.path).cloned();
            let found = found.and_then(|found| found.iter().filter_map(read).collect::<Result<Vec<_>, _>>());
            match found {
                Ok(found) => drop(files.insert(id, found)),
                Err(error) => self.answer_read(id, Err(error.into())),
            }
        }
        Ok(files)
    }

    /// The first writers whose files fit into memory together. The others are in the next commit.
    async fn that_fit(
        &mut self,
        selected: Vec<(Id, Result<Vec<FileEntry>, GitError>)>,
        sizes: &BTreeMap<Oid, usize>,
    ) -> Result<Vec<(Id, Result<Vec<FileEntry>, GitError>)>, GitError> {
        let (mut edit_memory, mut that_fit) = (EditMemory::default(), Vec::new());
        for (id, found) in selected {
            let found = found.and_then(|found| self.reader.fit(&found, sizes).map(|()| found));
            let alone = found.as_deref().map_or(0, |found| EditMemory::default().with(found, sizes).cost());
            if let Err(error) = self.memory.could_take(alone) {
                self.answer_read(id, Err(too_large(error).into()));
                continue;
            }
            let more = found.as_deref().map_or(edit_memory.clone(), |found| edit_memory.with(found, sizes));
            if more.cost() > self.memory.allowed() {
                break;
            }
            edit_memory = more;
            that_fit.push((id, found));
        }
        self.memory.take(edit_memory.cost()).await.map_err(too_large)?;
        Ok(that_fit)
    }

    /// Applies one writer's edit. An error is returned only if it affects all writers.
    async fn edit(
        &mut self,
        draft: &mut Draft,
        base: &BaseCommit,
        id: Id,
        paths: &[String],
    ) -> Result<(), GitError> {
        let Some(writer) = self.writers.get(&id) else { return Ok(()) };
        let is_new = self.source_waits.is_first() && !self.answer_withheld;
        let (attempts, request) = (writer.attempt(is_new), Arc::clone(&writer.request));
        let files = draft.files(paths, request.dry_run);
        let resolver = request.places.clone().filter(|_| request.source.is_some());
        let files = Arc::new(files);
        let resolver = resolver.map(|resolver| (resolver, Arc::clone(&files)));
        let edit = Arc::clone(&writer.edit);
        // The memory is held only during the edit; no server is asked meanwhile.
        let held = self.pusher.git.memory().work(parsed(&files)).await.map_err(too_large)?;
        let applied = apply(edit, files).await;
        drop(held);
        let (changes, message) = match applied {
            Ok(edited) => edited,
            Err(error) => {
                self.answer_read(id, Err(error));
                return Ok(());
            }
        };
        if changes.is_empty() && draft.is_touched(paths) && !request.dry_run {
            draft.add_unchanged(id, attempts, None);
            return Ok(());
        }
        let planned =
            PlannedWrite::new(request.source.as_ref(), &message, resolver).filter(|_| !changes.is_empty());
        let objection = match planned {
            Some(planned) => self.objection(draft, base, planned).await?,
            None => Ok(Vec::new()),
        };
        let nothing = draft.nothing(attempts);
        match objection {
            Err(Objection::InDraft(commit)) if !request.dry_run => {
                draft.add_unchanged(id, attempts, Some(commit));
            }
            Err(Objection::InDraft(commit) | Objection::OnBranch(commit)) => {
                self.answer_read(id, Ok(Landed { superseded_by: Some(commit), ..nothing }));
            }
            Err(Objection::Failed(error)) => self.answer_read(id, Err(WriteError::Git(error))),
            Err(Objection::Unanswered(open)) => drop(self.source_waits.with_open_questions.insert(id, open)),
            Ok(assumed) if changes.is_empty() || request.dry_run => {
                let changed = !changes.is_empty();
                self.answer_read(id, Ok(Landed { changed, files: changes, assumed, ..nothing }));
            }
            Ok(assumed) => draft.add(WriterEdit { id, attempts, changes, message, assumed }),
        }
        Ok(())
    }

    /// Checks whether a newer source commit was written to one of the writer's places, in this draft or in a branch's
    /// history. If not, returns what had to be assumed.
    async fn objection(
        &mut self,
        draft: &Draft,
        base: &BaseCommit,
        planned: PlannedWrite,
    ) -> Result<Result<Vec<String>, Objection>, GitError> {
        let mut not_in_draft = planned.clone();
        let writers = not_in_draft.last_writers(draft.edits.iter().rev().map(|edit| &edit.message.trailers));
        let mut assumed = match objection(self.order_of(&planned, &writers).await, Objection::InDraft) {
            Ok(assumed) => assumed,
            objection => return Ok(objection),
        };
        for (n, tip) in base.histories().enumerate() {
            // Commits that the draft overwrites were compared when the draft was made. The history of another branch
            // is searched for all places.
            let planned = if n == 0 { not_in_draft.clone() } else { planned.clone() };
            let writers = self.last_writers(tip, planned.clone()).await?;
            match objection(self.order_of(&planned, &writers).await, Objection::OnBranch) {
                Ok(more) => assumed.extend(more),
                objection => return Ok(objection),
            }
        }
        assumed.sort_unstable();
        assumed.dedup();
        Ok(Ok(assumed))
    }

    async fn last_writers(&mut self, tip: &str, mut planned: PlannedWrite) -> Result<Vec<String>, GitError> {
        let mut writers = Vec::new();
        for depth in [HistoryDepth::Short, HistoryDepth::Long] {
            let trailers = self.trailers(tip, depth).await?;
            planned.learn(&trailers.groups).await;
            writers.extend(planned.last_writers(trailers.groups.iter()));
            if !planned.is_open() || !trailers.more {
                break;
            }
        }
        Ok(writers)
    }

    /// The trailers in the history of `tip`. The result is cached, because every writer of a batch needs it.
    async fn trailers(&mut self, tip: &str, depth: HistoryDepth) -> Result<Arc<BranchTrailers>, GitError> {
        let key = (tip.to_owned(), depth);
        if let Some(trailers) = self.trailers.get(&key) {
            return Ok(Arc::clone(trailers));
        }
        let (history, more) = self.reader.history(tip, depth).await?;
        let groups = history.iter().flat_map(|commit| groups(&commit.message).into_iter().rev()).collect();
        let trailers = Arc::new(BranchTrailers { groups, more });
        self.trailers.insert(key, Arc::clone(&trailers));
        Ok(trailers)
    }
}
