//! Which jobs were at work when the process died, so that one which kills it is not begun for ever.
//!
//! Nothing but the process itself is needed for this: a file for each running job, in a directory that outlives the
//! container's restart and not the pod (`/tmp`, else `/dev/shm`, which the containers of a pod have from its sandbox). A job
//! removes its file when it ends, however it ends; what is found at the start was at work when the process was killed.
//!
//! One job kills, and those beside it are innocent. So after a death its suspects are begun one after the other, each on
//! probation for a while, and only the one on probation is blamed for the next death.

mod entry;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tracing::{debug, warn};

use super::job::{Ending, locked};
use super::key::JobKey;
use crate::outcome::StepError;
use entry::{Entry, Record};

/// The directory, and within it the file whose lock says that its process lives.
const DIRECTORY: &str = "argo-buildkit-jobs";
const LOCK: &str = "lock";

/// How long a suspect is on probation: nothing that is read from a server takes longer to fill the memory.
const PROBATION: Duration = Duration::from_secs(60);

/// The jobs of this process and of those before it in the same pod.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    /// What is known of jobs that were at work when a process died.
    suspects: Mutex<HashMap<JobKey, Record>>,
    /// One suspect is on probation at a time.
    turn: Arc<Turn<()>>,
    _lock: File,
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
        let suspects = entry::left_over(&directory)?;
        if !suspects.is_empty() {
            warn!(
                jobs = suspects.len(),
                "the process before this one was killed while {} steps ran; they are begun one after the other, and one that \
                 ends the process again is not begun a third time",
                suspects.len()
            );
        }
        let (suspects, turn) = (Mutex::new(suspects), Arc::default());
        Ok(Self(Arc::new(Inner { directory, suspects, turn, _lock: lock })))
    }

    /// Does `work` as the job `key`, unless that has ended the process too often.
    pub(super) async fn keep(&self, key: &JobKey, work: impl Future<Output = Ending>) -> Ending {
        let known = locked(&self.0.suspects).get(key).copied();
        match known {
            None => {
                let _entry = Entry::write(&self.0.directory, key, Record::default());
                work.await
            }
            Some(record) if record.is_condemned() => {
                // Told once: whoever runs the step again by hand has mended something.
                locked(&self.0.suspects).remove(key);
                Err(condemned(record))
            }
            Some(record) => self.on_probation(key, record, work).await,
        }
    }

    async fn on_probation(&self, key: &JobKey, record: Record, work: impl Future<Output = Ending>) -> Ending {
        // What waits for its turn is not at work, and has no part in a death.
        let turn = self.0.turn.clone().lock_owned().await;
        let entry = Entry::write(&self.0.directory, key, Record { on_probation: true, ..record });
        tokio::pin!(work);
        let ending = tokio::select! {
            biased;
            ending = &mut work => Some(ending),
            () = passed(&entry, record, turn) => None,
        };
        let ending = match ending {
            Some(ending) => ending,
            None => work.await,
        };
        locked(&self.0.suspects).remove(key);
        ending
    }
}

/// Ends when the probation is over: the next suspect may begin.
async fn passed(entry: &Entry, record: Record, turn: OwnedMutexGuard<()>) {
    tokio::time::sleep(PROBATION).await;
    entry.rewrite(record);
    drop(turn);
}

fn condemned(record: Record) -> StepError {
    StepError::transient(format!(
        "this step has ended argo-buildkit {} times: the process was killed while it ran, most likely for want of memory, so it is \
         not begun again. Look at what the step reads (the size of the repository's files, of the manifests, of a server's \
         answers), raise the container's memory limit if it is right, and then run the step again",
        record.deaths
    ))
}

#[cfg(test)]
mod tests;
