//! Which jobs were at work when the process died, so that one which kills it is not begun for ever.
//!
//! Nothing but the process itself is needed for this: a file for each running job, in a directory that outlives the
//! container's restart and not the pod (`/tmp`, else `/dev/shm`, which the containers of a pod have from its sandbox). A job
//! removes its file when it ends, however it ends; what is found at the start was interrupted when the process was killed.
//!
//! A death alone does not say which of several jobs it was. So interrupted jobs begin again one after the other, each watched
//! for a while, and new jobs wait until that is done, for a minute at most. A job that was alone at work at a death, and at work
//! at one before, is the cause: it is refused, and the others are cleared of the deaths that they shared with it. A job that
//! was watched at a death begins first after it, so that it is alone then.

mod pending;
pub(crate) mod record;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Mutex as Turns, OwnedMutexGuard};
use tracing::{debug, warn};

use super::ending::{Ending, locked};
use super::key::JobKey;
use crate::outcome::StepError;
use pending::{Arrived, Pending};
use record::{Entry, Record, State};

/// The directory, and within it the file whose lock says that its process lives.
const DIRECTORY: &str = "argo-buildkit-jobs";
const LOCK: &str = "lock";

/// How long a job is watched that was interrupted once; it doubles with each death. What fills the memory takes seconds.
const WATCHED: Duration = Duration::from_secs(10);
/// The longest time.
const MOST_WATCHED: Duration = Duration::from_secs(60);

/// The jobs of this process and of those before it in the same pod.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    interrupted: Mutex<HashMap<JobKey, Record>>,
    /// Those for which new jobs wait.
    pending: Pending,
    /// One interrupted job is watched at a time.
    turns: Arc<Turns<()>>,
    _lock: File,
}

/// How a job may begin.
pub(super) enum Admission {
    /// Nothing is written down of it.
    Unrecorded,
    /// For the first time.
    New(Journal, JobKey),
    /// Once more, watched while it has its turn.
    Again(Journal, JobKey, Turn),
    /// Not at all.
    Refused(StepError),
}

/// One interrupted job's turn, which ends when this is dropped.
pub(super) struct Turn {
    record: Record,
    /// None while it waits for a slot.
    turn: Option<OwnedMutexGuard<()>>,
    _arrived: Arrived,
}

impl Journal {
    /// The journal in the first directory that can be written; none where another process keeps one, or nothing can be written.
    pub fn open() -> Option<Self> {
        let places = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
        places.iter().find_map(|place| match Self::in_directory(place) {
            Ok(journal) => Some(journal),
            Err(error) => {
                debug!("no journal of jobs in {}: {error}", place.display());
                None
            }
        })
    }

    fn in_directory(place: &Path) -> io::Result<Self> {
        let directory = place.join(DIRECTORY);
        fs::create_dir_all(&directory)?;
        let lock = File::create(directory.join(LOCK))?;
        lock.try_lock()?;
        let found = record::after_death(&directory)?;
        let last: Vec<_> = found.at_work.into_iter().filter(|key| found.records.contains_key(key)).collect();
        if !last.is_empty() {
            warn!(
                jobs = last.len(),
                "the process before this one was killed while {} steps ran; they begin again one after the other, and one with \
                 which the process dies again is not begun a third time",
                last.len()
            );
        }
        let waits = |key: &JobKey| found.records.get(key).filter(|record| !record.is_refused());
        let pending = last.iter().filter_map(|key| Some((key.clone(), waits(key)?.state == State::First)));
        let pending = Pending::new(pending);
        let interrupted = Mutex::new(found.records);
        Ok(Self(Arc::new(Inner { directory, interrupted, pending, turns: Arc::default(), _lock: lock })))
    }

    /// Whether the job `key` begins without [waiting](Self::admit).
    pub(super) fn is_free(&self, key: &JobKey) -> bool {
        self.0.pending.is_empty() && !locked(&self.0.interrupted).contains_key(key)
    }

    /// Waits until the job `key` may begin, and says how. It needs no slot before.
    pub(super) async fn admit(self, key: JobKey) -> Admission {
        let known = locked(&self.0.interrupted).get(&key).cloned();
        match known {
            None => {
                self.0.pending.over(|_| true).await;
                Admission::New(self, key)
            }
            Some(record) if record.is_refused() => {
                // Told once: whoever runs the step again by hand has mended something.
                self.forget(&key);
                Admission::Refused(refused(&record))
            }
            Some(record) => {
                let arrived = self.0.pending.arrived(key.clone());
                if record.state != State::First {
                    self.0.pending.over(|job| job.is_first).await;
                }
                let turn = Some(self.turn().await);
                Admission::Again(self, key, Turn { record, turn, _arrived: arrived })
            }
        }
    }

    async fn turn(&self) -> OwnedMutexGuard<()> {
        self.0.turns.clone().lock_owned().await
    }

    fn forget(&self, key: &JobKey) {
        locked(&self.0.interrupted).remove(key);
        drop(Entry::of(&self.0.directory, key));
    }
}

impl Admission {
    /// Lets others have the turn: the job waits for a slot, and perhaps for hours. It takes its turn again once it has one.
    pub(super) fn waits(&mut self) {
        if let Self::Again(_, _, turn) = self {
            turn.turn = None;
        }
    }

    /// Does `work`, and keeps a file of it meanwhile.
    pub(super) async fn keep(self, work: impl Future<Output = Ending>) -> Ending {
        match self {
            Self::Unrecorded => work.await,
            Self::Refused(error) => Err(error),
            Self::New(journal, key) => {
                let _entry = Entry::begin(&journal.0.directory, &key, &Record::default());
                work.await
            }
            Self::Again(journal, key, mut turn) => {
                if turn.turn.is_none() {
                    turn.turn = Some(journal.turn().await);
                }
                let record = Record { state: State::Working, ..turn.record.clone() };
                let entry = Entry::begin(&journal.0.directory, &key, &record);
                tokio::pin!(work);
                let ending = tokio::select! {
                    biased;
                    ending = &mut work => Some(ending),
                    () = watched(&entry, record, turn) => None,
                };
                let ending = match ending {
                    Some(ending) => ending,
                    None => work.await,
                };
                locked(&journal.0.interrupted).remove(&key);
                ending
            }
        }
    }
}

/// Ends when the job has worked for long enough: the next one may begin.
async fn watched(entry: &Entry, record: Record, turn: Turn) {
    let times = record.deaths().saturating_sub(1).min(16);
    tokio::time::sleep(WATCHED.saturating_mul(1 << times).min(MOST_WATCHED)).await;
    entry.rewrite(&record.passed());
    drop(turn);
}

fn refused(record: &Record) -> StepError {
    let times = record.deaths();
    let why = match record.state {
        State::Cause => "the process was killed while it ran, most likely for want of memory",
        _ => {
            "the process was killed while it ran, most likely for want of memory; each of the other steps that ran then has \
             been begun again and has not done it"
        }
    };
    StepError::transient(format!(
        "this step has ended argo-buildkit {times} times: {why}, so it is not begun again. Look at what the step reads (the size \
         of the repository's files, of the manifests, of a server's answers), raise the container's memory limit if it is \
         right, and then run the step again"
    ))
}

#[cfg(test)]
mod tests;
