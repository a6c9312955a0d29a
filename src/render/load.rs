//! How much a step of this plugin may hold, and what services need of that.

use serde_json::Value;

use super::{RenderError, size};

/// The most bytes of an object with a step. Argo stores it in the Workflow's status too, and etcd takes 1.5 MiB.
pub(super) const LARGEST: usize = 400 << 10;

/// The most patterns of one step `poll`, which takes 2000.
const PATTERNS: usize = 1800;
/// The most values of a step, which takes 20,000.
pub(super) const VALUES: usize = 18_000;

/// What services need of a step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) bytes: usize,
    patterns: usize,
    pub(super) values: usize,
}

impl Load {
    pub(super) fn of(entry: &Value) -> Self {
        let count = |field: &str| entry[field].as_array().map_or(0, Vec::len);
        Self { bytes: size(entry), patterns: count("branches") + count("tags"), values: values(entry) }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            patterns: self.patterns + other.patterns,
            values: self.values + other.values,
        }
    }

    pub(super) fn fits(self) -> bool {
        self.bytes <= LARGEST && self.patterns <= PATTERNS && self.values <= VALUES
    }
}

/// The entries of a list, in as many steps as their size needs, each with at most `most` of them.
pub(super) fn chunks(
    entries: impl IntoIterator<Item = Value>,
    most: usize,
) -> Result<Vec<Vec<Value>>, RenderError> {
    let mut chunks: Vec<Vec<Value>> = Vec::new();
    let mut used = Load::default();
    for entry in entries {
        let load = Load::of(&entry);
        if load.bytes > LARGEST {
            let repository = [&entry["repo"], &entry["context"]["repo"]].into_iter().find_map(Value::as_str);
            return Err(RenderError::TooLarge {
                repository: repository.unwrap_or_default().to_owned(),
                kind: "CronWorkflow",
                size: load.bytes,
                most: LARGEST,
            });
        }
        match chunks.last_mut().filter(|chunk| used.plus(load).fits() && chunk.len() < most) {
            Some(chunk) => {
                chunk.push(entry);
                used = used.plus(load);
            }
            None => {
                chunks.push(vec![entry]);
                used = load;
            }
        }
    }
    Ok(chunks)
}

/// The number of values in a value, itself included.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(values).sum::<usize>(),
        _ => 1,
    }
}
