//! One job's file: at which deaths it was at work, and what is known of it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use tracing::debug;

use crate::jobs::JobKey;

/// Deaths of which no job is left that they may have come from: those beside it may share so many, and more cannot be chance.
const MOST_SHARED: usize = 3;

/// What is known of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) state: State,
    /// Deaths of the process that may have come from it. They are numbered in one pod.
    pub(super) own: Vec<u64>,
    /// Deaths while it was at work and had been watched for long enough, or before that: they most likely came from another.
    pub(super) beside: Vec<u64>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    /// At work, for the first time or watched.
    #[default]
    Working,
    /// At work, and watched for long enough since it was interrupted.
    Passed,
    /// Interrupted, and not begun again.
    Waiting,
    /// The same, and to begin before the others: it was watched when the process died, beside some that had passed.
    First,
    /// The process died with it and nothing else at work, and not for the first time.
    Cause,
    /// It was at work at too many deaths whose cause is not known.
    Shared,
}

impl State {
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
        matches!(self.state, State::Cause | State::Shared)
    }

    /// How often the process died while it worked.
    pub(super) fn deaths(&self) -> usize {
        self.own.len() + self.beside.len()
    }

    /// The same once it has worked for long enough.
    pub(super) fn passed(self) -> Self {
        Self { state: State::Passed, own: Vec::new(), beside: [self.beside, self.own].concat() }
    }

    fn text(&self) -> String {
        let name = State::NAMES.iter().find(|(state, _)| *state == self.state).map_or("", |(_, name)| name);
        let numbers = |deaths: &[u64]| deaths.iter().map(|death| format!(" {death}")).collect::<String>();
        format!("{name}{} beside{}", numbers(&self.own), numbers(&self.beside))
    }

    /// A file that was cut off says nothing of its job but that it ran.
    fn read(text: &str) -> Self {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let state = State::NAMES.iter().find(|(_, known)| *known == name);
        let own = words.by_ref().map_while(|word| word.parse().ok()).collect();
        let beside = words.filter_map(|word| word.parse().ok()).collect();
        Self { state: state.map_or(State::Working, |(state, _)| *state), own, beside }
    }
}

/// A job's file, which an earlier process has left.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(bytes: &[u8]) {
    let record = Record::read(&String::from_utf8_lossy(bytes));
    assert_eq!(Record::read(&record.text()), record);
}

/// A job's file. It goes when this does.
pub(super) struct Entry(PathBuf);

impl Entry {
    pub(super) fn of(directory: &Path, key: &JobKey) -> Self {
        Self(directory.join(key.to_string()))
    }

    /// Without a file, as where no space is left, the job runs as well.
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

impl Drop for Entry {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What the processes before this one left.
pub(super) struct Found {
    /// Interrupted jobs, now or earlier, that have not ended since.
    pub(super) records: HashMap<JobKey, Record>,
    /// Those that were at work at the last death.
    pub(super) at_work: Vec<JobKey>,
}

/// Reads the files in `directory`, and writes down what the last death says of the jobs that were at work.
pub(super) fn after_death(directory: &Path) -> io::Result<Found> {
    let mut records = read_all(directory)?;
    let at_work: Vec<JobKey> =
        records.iter().filter(|(_, record)| record.state.is_at_work()).map(|(key, _)| key.clone()).collect();
    add_death(&mut records, &at_work);
    if let [alone] = at_work.as_slice() {
        judge(&mut records, alone);
    }
    refuse_shared(&mut records, &at_work);
    for (key, record) in &records {
        // A job that never comes again is a few bytes in a directory that goes with the pod.
        write(&directory.join(key.to_string()), record);
    }
    let cleared = records.extract_if(|_, record| record.deaths() == 0);
    cleared.for_each(|(key, _)| drop(Entry::of(directory, &key)));
    Ok(Found { records, at_work })
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

/// Adds the last death to the records of those `at_work`. One that was watched then is the first to begin again.
fn add_death(records: &mut HashMap<JobKey, Record>, at_work: &[JobKey]) {
    let all = records.values().flat_map(|record| record.own.iter().chain(&record.beside));
    let death = all.max().map_or(1, |last| last + 1);
    for key in at_work {
        let Some(record) = records.get_mut(key) else { continue };
        let was_watched = record.state == State::Working && record.deaths() > 0;
        let deaths = if record.state == State::Passed { &mut record.beside } else { &mut record.own };
        deaths.push(death);
        record.state = if was_watched { State::First } else { State::Waiting };
    }
}

/// The job was alone at work. If it was at work at a death before, it is the cause of those too.
fn judge(records: &mut HashMap<JobKey, Record>, alone: &JobKey) {
    let Some(record) = records.get_mut(alone).filter(|record| record.deaths() > 1) else { return };
    record.state = State::Cause;
    let its = [record.own.as_slice(), &record.beside].concat();
    for (_, record) in records.iter_mut().filter(|(key, _)| *key != alone) {
        record.own.retain(|death| !its.contains(death));
        record.beside.retain(|death| !its.contains(death));
    }
}

/// A death counts for those beside it once each job that it may have come from has been begun again, and has passed. One
/// whose workflow was deleted has not.
fn refuse_shared(records: &mut HashMap<JobKey, Record>, at_work: &[JobKey]) {
    let open: HashSet<u64> = records.values().flat_map(|record| record.own.clone()).collect();
    for key in at_work {
        let Some(record) = records.get_mut(key) else { continue };
        if record.beside.iter().filter(|death| !open.contains(death)).count() > MOST_SHARED {
            record.state = State::Shared;
        }
    }
}
