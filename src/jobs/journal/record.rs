//! The file of one job: at which deaths of the process the job was running, and its state.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use tracing::debug;

use crate::jobs::JobKey;

/// The number of deaths with an unknown cause that a job may share. Each job that may have caused such a death has
/// ended or was cleared; more of them cannot be chance.
const MOST_SHARED: usize = 3;

/// The record of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: RecordedState,
    /// The deaths that this job may have caused. Deaths are numbered within one pod.
    pub(super) own: Vec<u64>,
    /// The deaths at which this job was running and had been watched for long enough, and earlier deaths: most likely
    /// another job caused them.
    pub(super) beside: Vec<u64>,
}

/// The state of a job at the time of its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RecordedState {
    /// The job is running for the first time, or is being watched.
    #[default]
    Working,
    /// The job is running, and was watched for long enough since its interruption.
    Passed,
    /// The job was interrupted and has not started again.
    Waiting,
    /// Like `Waiting`, and the job starts before the others: it was being watched when the process died, while jobs
    /// that had passed were running.
    First,
    /// The process died while only this job was running, and not for the first time.
    Cause,
    /// The job was running at too many deaths with an unknown cause.
    Shared,
}

impl RecordedState {
    const NAMES: [(Self, &str); 6] = [
        (Self::Working, "working"),
        (Self::Passed, "passed"),
        (Self::Waiting, "waiting"),
        (Self::First, "first"),
        (Self::Cause, "cause"),
        (Self::Shared, "shared"),
    ];

    fn is_at_work(self) -> bool {
        matches!(self, Self::Working | Self::Passed)
    }
}

impl Record {
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.state, RecordedState::Cause | RecordedState::Shared)
    }

    /// The number of deaths at which the job was running.
    pub(super) fn deaths(&self) -> usize {
        self.own.len() + self.beside.len()
    }

    /// The record after the job was watched for long enough.
    pub(super) fn passed(self) -> Self {
        Self { state: RecordedState::Passed, own: Vec::new(), beside: [self.beside, self.own].concat() }
    }

    fn text(&self) -> String {
        let name =
            RecordedState::NAMES.iter().find(|(state, _)| *state == self.state).map_or("", |(_, name)| name);
        let numbers = |deaths: &[u64]| deaths.iter().map(|death| format!(" {death}")).collect::<String>();
        format!("{name}{} beside{}", numbers(&self.own), numbers(&self.beside))
    }

    /// A truncated file only shows that its job ran.
    fn read(text: &str) -> Self {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let state = RecordedState::NAMES.iter().find(|(_, known)| *known == name);
        let own = words.by_ref().map_while(|word| word.parse().ok()).collect();
        let beside = words.filter_map(|word| word.parse().ok()).collect();
        Self { state: state.map_or(RecordedState::Working, |(state, _)| *state), own, beside }
    }
}

/// Reads a job's file from an earlier process.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(bytes: &[u8]) {
    let record = Record::read(&String::from_utf8_lossy(bytes));
    assert_eq!(Record::read(&record.text()), record);
}

/// The file of a job. Dropping this deletes the file.
pub(super) struct RecordFile(PathBuf);

impl RecordFile {
    pub(super) fn of(directory: &Path, key: &JobKey) -> Self {
        Self(directory.join(key.to_string()))
    }

    /// The job also runs if the file cannot be written, for example because the disk is full.
    pub(super) fn begin(directory: &Path, key: &JobKey, record: &Record) -> Self {
        let entry = Self::of(directory, key);
        entry.rewrite(record);
        entry
    }

    pub(super) fn rewrite(&self, record: &Record) {
        write(&self.0, record);
    }
}

fn write(path: &Path, record: &Record) {
    if let Err(error) = fs::write(path, record.text()) {
        debug!("writing {}: {error}", path.display());
    }
}

impl Drop for RecordFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The records that earlier processes left.
pub(super) struct EarlierRecords {
    /// The jobs that were interrupted by any death and have not ended since.
    pub(super) records: HashMap<JobKey, Record>,
    /// The jobs that were running at the last death.
    pub(super) at_work: Vec<JobKey>,
}

/// Reads the files in `directory`, and records the last death in those of the jobs that were running.
pub(super) fn after_death(directory: &Path) -> io::Result<EarlierRecords> {
    let mut records = read_all(directory)?;
    let at_work: Vec<JobKey> =
        records.iter().filter(|(_, record)| record.state.is_at_work()).map(|(key, _)| key.clone()).collect();
    add_death(&mut records, &at_work);
    if let [alone] = at_work.as_slice() {
        judge(&mut records, alone);
    }
    refuse_shared(&mut records, &at_work);
    for (key, record) in &records {
        // The file of a job that is never requested again has a few bytes, in a directory that is deleted with the
        // pod.
        write(&directory.join(key.to_string()), record);
    }
    let cleared = records.extract_if(|_, record| record.deaths() == 0);
    cleared.for_each(|(key, _)| drop(RecordFile::of(directory, &key)));
    Ok(EarlierRecords { records, at_work })
}

fn read_all(directory: &Path) -> io::Result<HashMap<JobKey, Record>> {
    let mut records = HashMap::new();
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(key) = JobKey::read(name) else { continue };
        records.insert(key, Record::read(&fs::read_to_string(&path)?));
    }
    Ok(records)
}

/// Adds the last death to the records of the jobs `at_work`. A job that was being watched then is the first to start
/// again.
fn add_death(records: &mut HashMap<JobKey, Record>, at_work: &[JobKey]) {
    let all = records.values().flat_map(|record| record.own.iter().chain(&record.beside));
    let death = all.max().map_or(1, |last| last + 1);
    for key in at_work {
        let Some(record) = records.get_mut(key) else { continue };
        let was_watched = record.state == RecordedState::Working && record.deaths() > 0;
        let deaths = if record.state == RecordedState::Passed { &mut record.beside } else { &mut record.own };
        deaths.push(death);
        record.state = if was_watched { RecordedState::First } else { RecordedState::Waiting };
    }
}

/// Handles a death at which only the job `alone` was running. If it was also running at an earlier death, it is the
/// cause of that one too.
fn judge(records: &mut HashMap<JobKey, Record>, alone: &JobKey) {
    let Some(record) = records.get_mut(alone).filter(|record| record.deaths() > 1) else { return };
    record.state = RecordedState::Cause;
    let its = [record.own.as_slice(), &record.beside].concat();
    for (_, record) in records.iter_mut().filter(|(key, _)| *key != alone) {
        record.own.retain(|death| !its.contains(death));
        record.beside.retain(|death| !its.contains(death));
    }
}

/// Refuses jobs that share too many deaths. A shared death counts once each job that may have caused it has started
/// again and was watched for long enough. A job whose workflow was deleted never starts again.
fn refuse_shared(records: &mut HashMap<JobKey, Record>, at_work: &[JobKey]) {
    let open: HashSet<u64> = records.values().flat_map(|record| record.own.clone()).collect();
    for key in at_work {
        let Some(record) = records.get_mut(key) else { continue };
        if record.beside.iter().filter(|death| !open.contains(death)).count() > MOST_SHARED {
            record.state = RecordedState::Shared;
        }
    }
}
