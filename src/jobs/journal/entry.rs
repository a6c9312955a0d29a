//! One job's file: how many deaths it has seen, and whether it is on probation.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use tracing::debug;

use crate::jobs::JobKey;

/// Deaths that a job may see outside of its probation: more cannot be chance.
const CHANCES: u32 = 3;

/// What is known of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// How often the process died while it ran.
    pub(super) deaths: u32,
    /// Whether it is alone under suspicion now.
    pub(super) on_probation: bool,
    /// Whether the process died while it was.
    pub(super) is_blamed: bool,
}

impl Record {
    pub(super) fn is_condemned(self) -> bool {
        self.is_blamed || self.deaths > CHANCES
    }

    /// The same after one more death.
    fn survived(self) -> Self {
        let is_blamed = self.is_blamed || self.on_probation;
        Self { deaths: self.deaths.saturating_add(1), on_probation: false, is_blamed }
    }

    fn text(self) -> String {
        let flag = |is: bool, word| if is { word } else { "" };
        format!("{}{}{}", self.deaths, flag(self.on_probation, " probation"), flag(self.is_blamed, " blamed"))
    }

    /// A file that was cut off says nothing against its job but that it ran.
    fn read(text: &str) -> Self {
        let deaths = text.split(' ').next().and_then(|deaths| deaths.parse().ok()).unwrap_or_default();
        Self { deaths, on_probation: text.contains("probation"), is_blamed: text.contains("blamed") }
    }
}

/// The file of a job that runs. It goes when this does.
pub(super) struct Entry(PathBuf);

impl Entry {
    /// Without a file, as where no space is left, the job runs as well.
    pub(super) fn write(directory: &Path, key: &JobKey, record: Record) -> Self {
        let entry = Self(directory.join(key.to_string()));
        entry.rewrite(record);
        entry
    }

    pub(super) fn rewrite(&self, record: Record) {
        if let Err(error) = fs::write(&self.0, record.text()) {
            debug!("writing {}: {error}", self.0.display());
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The jobs that were at work when the process before this one died, each with one more death, which is written down.
pub(super) fn left_over(directory: &Path) -> io::Result<HashMap<JobKey, Record>> {
    let mut found = HashMap::new();
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(key) = JobKey::read(name) else { continue };
        let record = Record::read(&fs::read_to_string(&path)?).survived();
        // One that never comes again is a few bytes in a directory that goes with the pod.
        fs::remove_file(&path)?;
        found.insert(key, record);
    }
    Ok(found)
}
