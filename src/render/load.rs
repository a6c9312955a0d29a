//! How much a step of this plugin may hold, and what services need of that.

use serde_json::Value;

use super::size;

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

/// The number of values in a value, itself included.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(values).sum::<usize>(),
        _ => 1,
    }
}
