//! A record of the jobs that were running when the process died, so that a job that kills the process is not started
//! again for ever.
//!
//! The record needs nothing outside the process: a file for each running job, in a directory that outlives a restart
//! of the container but not the pod (`/tmp`, else `/dev/shm`, which the containers of a pod share through its
//! sandbox). A job removes its file at its end, whatever the ending. A file that is found at the start belongs to a
//! job that was interrupted when the process was killed.
//!
//! One death of the process does not show which of several jobs caused it. So interrupted jobs start again one after
//! the other, each watched for a while, and new jobs wait until that is done, for a minute at most. A job that was
//! running alone at one death, and was also running at an earlier one, is the cause: it is refused, and the deaths
//! that it shared with other jobs are no longer counted for them. A job that was watched at a death starts first
//! after it, so that it then runs alone.

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
use record::{Record, RecordFile, RecordedState};

/// The directory, and the file in it whose lock shows that its process is alive.
const DIRECTORY: &str = "argo-buildkit-jobs";
const LOCK: &str = "lock";

/// How long a job is watched that was interrupted once; the time doubles with each death. Exhausting the memory takes
/// seconds.
const WATCHED: Duration = Duration::from_secs(10);
/// The longest time for which a job is watched.
const MOST_WATCHED: Duration = Duration::from_secs(60);

/// The jobs of this process and of earlier ones in the same pod.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    interrupted: Mutex<HashMap<JobKey, Record>>,
    /// The interrupted jobs for which new jobs wait.
    pending: Pending,
    /// The lock of the job being watched; only one is watched at a time.
    turns: Arc<Turns<()>>,
    _lock: File,
}

/// The way in which a job may start.
pub(super) enum Admission {
    /// The job starts without a record.
    Unrecorded,
    /// The job starts for the first time.
    New(Journal, JobKey),
    /// The job starts again, and is watched while it has its turn.
    Again(Journal, JobKey, Turn),
    /// The job must not start.
    Refused(StepError),
}

/// The turn of an interrupted job. It ends when this is dropped.
pub(super) struct Turn {
    record: Record,
    /// `None` while the job waits for a slot.
    turn: Option<OwnedMutexGuard<()>>,
    _arrived: Arrived,
}

impl Journal {
    /// Opens the journal in the first writable directory. Returns `None` if another process keeps a journal there, or
    /// if no directory is writable.
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
        let pending =
            last.iter().filter_map(|key| Some((key.clone(), waits(key)?.state == RecordedState::First)));
        let pending = Pending::new(pending);
        let interrupted = Mutex::new(found.records);
        Ok(Self(Arc::new(Inner { directory, interrupted, pending, turns: Arc::default(), _lock: lock })))
    }

    /// Whether the job `key` starts without [waiting](Self::admit).
    pub(super) fn is_free(&self, key: &JobKey) -> bool {
        self.0.pending.is_empty() && !locked(&self.0.interrupted).contains_key(key)
    }

    /// Waits until the job `key` may start, and returns how. The job needs no slot yet.
    pub(super) async fn admit(self, key: JobKey) -> Admission {
        let known = locked(&self.0.interrupted).get(&key).cloned();
        match known {
            None => {
                self.0.pending.over(|_| true).await;
                Admission::New(self, key)
            }
            Some(record) if record.is_refused() => {
                // The job is refused once. A user who runs the step again has probably fixed something.
                self.forget(&key);
                Admission::Refused(refused(&record))
            }
            Some(record) => {
                let arrived = self.0.pending.arrived(key.clone());
                if record.state != RecordedState::First {
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
        drop(RecordFile::of(&self.0.directory, key));
    }
}

impl Admission {
    /// Gives the turn to other jobs, because this job waits for a slot, perhaps for hours. It takes a turn again once
    /// it has a slot.
    pub(super) fn waits(&mut self) {
        if let Self::Again(_, _, turn) = self {
            turn.turn = None;
        }
    }

    /// Runs `work`, and keeps the job's file while it runs.
    pub(super) async fn keep(self, work: impl Future<Output = Ending>) -> Ending {
        match self {
            Self::Unrecorded => work.await,
            Self::Refused(error) => Err(error),
            Self::New(journal, key) => {
                let _entry = RecordFile::begin(&journal.0.directory, &key, &Record::default());
                work.await
            }
            Self::Again(journal, key, mut turn) => {
                if turn.turn.is_none() {
                    turn.turn = Some(journal.turn().await);
                }
                let record = Record { state: RecordedState::Working, ..turn.record.clone() };
                let entry = RecordFile::begin(&journal.0.directory, &key, &record);
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

/// Returns when the job has run long enough, so that the next one may start.
async fn watched(entry: &RecordFile, record: Record, turn: Turn) {
    let times = record.deaths().saturating_sub(1).min(16);
    tokio::time::sleep(WATCHED.saturating_mul(1 << times).min(MOST_WATCHED)).await;
    entry.rewrite(&record.passed());
    drop(turn);
}

fn refused(record: &Record) -> StepError {
    let times = record.deaths();
    let why = match record.state {
        RecordedState::Cause => "the process was killed while it ran, most likely for want of memory",
        _ => {
            "the process was killed while it ran, most likely for want of memory; each of the other steps that ran then has \
             been begun again and has not done it"
        }
    };
    // Argo would begin a transient error again under another name, and each time the process would be killed twice more.
    StepError::user(format!(
        "this step has ended argo-buildkit {times} times: {why}, so it is not begun again. Look at what the step reads (the size \
         of the repository's files, of the manifests, of a server's answers), raise the container's memory limit if it is \
         right, and then run the step again"
    ))
}

#[cfg(test)]
mod tests;
