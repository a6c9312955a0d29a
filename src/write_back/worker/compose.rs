//! Everybody's edits on the files of one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use git2::Oid;

use super::Worker;
use super::base_commit::BaseCommit;
use super::room::{Room, parsed};
use crate::git::GitError;
use crate::git::read::Reach;
use crate::git::tree::{Entry, Plain};
use crate::limits::TooMuch;
use crate::write_back::draft::{Draft, Id, Part, apply};
use crate::write_back::message::{Group, groups};
use crate::write_back::request::{Landed, WriteError};
use crate::write_back::supersede::{Claim, Order, Question};

/// The trailers in a branch's history, newest first.
pub(super) struct Written {
    groups: Vec<Group>,
    /// Whether there are more below.
    more: bool,
}

/// What the source's history says against a change.
enum Against {
    /// A newer commit is in the draft: the answer waits for its push.
    Beside(String),
    /// A newer commit is on the branch.
    Before(String),
    /// It could not be asked.
    Failed(GitError),
    /// It has not answered yet.
    NotYet(Vec<Question>),
}

/// What was told of a claim; `newer` says where the newer commit is.
fn against(told: Order, newer: fn(String) -> Against) -> Result<Vec<String>, Against> {
    match told {
        Order::Newest(assumed) => Ok(assumed),
        Order::Newer(commit) => Err(newer(commit)),
        Order::Failed(error) => Err(Against::Failed(error)),
        Order::NotYet(open) => Err(Against::NotYet(open)),
    }
}

fn needed(error: TooMuch) -> GitError {
    GitError::Input { what: format!("the files of this step are too large: {error}") }
}

impl Worker {
    /// The edits of everybody, applied in turn. Who fails, or has nothing to do, is answered.
    pub(super) async fn draft(&mut self, base: &BaseCommit) -> Result<Draft, GitError> {
        let files = self.files(&base.commit).await?;
        let plain = files.values().flatten().map(|p| (p.entry.path.clone(), p.clone())).collect();
        let mut draft = Draft::new(base.commit.clone(), base.branch.clone(), plain);
        let paths = |files: Vec<Plain>| files.into_iter().map(|p| p.entry.path).collect();
        let files: BTreeMap<Id, Vec<String>> =
            files.into_iter().map(|(id, files)| (id, paths(files))).collect();
        self.asides.met.clear();
        for (id, paths) in files {
            self.edit(&mut draft, base, id, &paths).await?;
        }
        self.orders.forget_failures();
        Ok(draft)
    }

    /// The files of each writer. Whose files cannot be edited is answered.
    async fn files(&mut self, tip: &str) -> Result<BTreeMap<Id, Vec<Plain>>, GitError> {
        if self.writers.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.reader.checkout(tip).await?;
        // Whoever came while the trees were read is in time.
        self.join();
        let ready = self.writers.iter().filter(|(id, _)| !self.asides.has(**id)).take(self.at_most);
        let (ids, wanted): (Vec<Id>, Vec<_>) = ready.map(|(id, w)| (*id, w.request.files.clone())).unzip();
        let selected: Vec<_> = ids.into_iter().zip(self.reader.select(tip, wanted).await?).collect();
        let entries: Vec<Entry> =
            selected.iter().filter_map(|(_, found)| found.as_ref().ok()).flatten().cloned().collect();
        let sizes = self.reader.sizes(tip, &entries).await?;
        let selected = self.company(selected, &sizes).await?;
        let entries = selected.iter().filter_map(|(_, found)| found.as_ref().ok()).flatten().cloned();
        let contents = self.reader.contents(entries.collect()).await?;
        let mut files = BTreeMap::new();
        for (id, found) in selected {
            let read = |entry: &Entry| contents.get(&entry.path).cloned();
            let found = found.and_then(|found| found.iter().filter_map(read).collect::<Result<Vec<_>, _>>());
            match found {
                Ok(found) => drop(files.insert(id, found)),
                Err(error) => self.answer_read(id, Err(error.into())),
            }
        }
        Ok(files)
    }

    /// Of the writers those whose files have room at a time, from the first on. The others are in the next commit.
    async fn company(
        &mut self,
        selected: Vec<(Id, Result<Vec<Entry>, GitError>)>,
        sizes: &BTreeMap<Oid, usize>,
    ) -> Result<Vec<(Id, Result<Vec<Entry>, GitError>)>, GitError> {
        let (mut room, mut company) = (Room::default(), Vec::new());
        for (id, found) in selected {
            let found = found.and_then(|found| self.reader.fit(&found, sizes).map(|()| found));
            let more = found.as_deref().map_or(room.clone(), |found| room.with(found, sizes));
            if more.cost() > self.memory.allowed() && !company.is_empty() {
                break;
            }
            room = more;
            company.push((id, found));
        }
        self.memory.take(room.cost()).await.map_err(needed)?;
        Ok(company)
    }

    /// One writer's edit. Only what concerns everybody is an error here.
    async fn edit(
        &mut self,
        draft: &mut Draft,
        base: &BaseCommit,
        id: Id,
        paths: &[String],
    ) -> Result<(), GitError> {
        let Some(writer) = self.writers.get(&id) else { return Ok(()) };
        let is_new = self.asides.is_first() && !self.doubted;
        let (attempts, request) = (writer.attempt(is_new), Arc::clone(&writer.request));
        let files = draft.files(paths, request.dry_run);
        let means = request.places.clone().filter(|_| request.source.is_some());
        let files = Arc::new(files);
        let means = means.map(|means| (means, Arc::clone(&files)));
        let edit = Arc::clone(&writer.edit);
        // For the time of the edit alone: nobody's server is waited for meanwhile.
        let held = self.pusher.git.memory().work(parsed(&files)).await.map_err(needed)?;
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
            draft.ride(id, attempts, None);
            return Ok(());
        }
        let claim = Claim::new(request.source.as_ref(), &message, means).filter(|_| !changes.is_empty());
        let against = match claim {
            Some(claim) => self.against(draft, base, claim).await?,
            None => Ok(Vec::new()),
        };
        let nothing = draft.nothing(attempts);
        match against {
            Err(Against::Beside(commit)) if !request.dry_run => draft.ride(id, attempts, Some(commit)),
            Err(Against::Beside(commit) | Against::Before(commit)) => {
                self.answer_read(id, Ok(Landed { superseded_by: Some(commit), ..nothing }));
            }
            Err(Against::Failed(error)) => self.answer_read(id, Err(WriteError::Git(error))),
            Err(Against::NotYet(open)) => drop(self.asides.met.insert(id, open)),
            Ok(assumed) if changes.is_empty() || request.dry_run => {
                let changed = !changes.is_empty();
                self.answer_read(id, Ok(Landed { changed, files: changes, assumed, ..nothing }));
            }
            Ok(assumed) => draft.add(Part { id, attempts, changes, message, assumed }),
        }
        Ok(())
    }

    /// Whether a newer source commit was written to one of the claim's places, in this draft or in a branch's history; if
    /// not, what had to be assumed.
    async fn against(
        &mut self,
        draft: &Draft,
        base: &BaseCommit,
        claim: Claim,
    ) -> Result<Result<Vec<String>, Against>, GitError> {
        let mut beside = claim.clone();
        let writers = beside.last_writers(draft.parts.iter().rev().map(|part| &part.message.trailers));
        let mut assumed = match against(self.told(&claim, &writers).await, Against::Beside) {
            Ok(assumed) => assumed,
            against => return Ok(against),
        };
        for (n, tip) in base.histories().enumerate() {
            // What the draft overwrites was compared when it was drafted; another branch is looked at for itself.
            let claim = if n == 0 { beside.clone() } else { claim.clone() };
            let writers = self.last_writers(tip, claim.clone()).await?;
            match against(self.told(&claim, &writers).await, Against::Before) {
                Ok(more) => assumed.extend(more),
                against => return Ok(against),
            }
        }
        assumed.sort_unstable();
        assumed.dedup();
        Ok(Ok(assumed))
    }

    async fn last_writers(&mut self, tip: &str, mut claim: Claim) -> Result<Vec<String>, GitError> {
        let mut writers = Vec::new();
        for reach in [Reach::Near, Reach::Far] {
            let written = self.written(tip, reach).await?;
            claim.learn(&written.groups).await;
            writers.extend(claim.last_writers(written.groups.iter()));
            if !claim.is_open() || !written.more {
                break;
            }
        }
        Ok(writers)
    }

    /// What was written to the branch at `tip`; every writer of a batch asks for it.
    async fn written(&mut self, tip: &str, reach: Reach) -> Result<Arc<Written>, GitError> {
        let key = (tip.to_owned(), reach);
        if let Some(written) = self.written.get(&key) {
            return Ok(Arc::clone(written));
        }
        let (history, more) = self.reader.history(tip, reach).await?;
        let groups = history.iter().flat_map(|commit| groups(&commit.message).into_iter().rev()).collect();
        let written = Arc::new(Written { groups, more });
        self.written.insert(key, Arc::clone(&written));
        Ok(written)
    }
}
