//! What is in the daemon's cache, in memory that does not grow with the cache.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::sanitize::{list_and_count, list_that_fits};
use crate::buildkit::CacheRecord;
use crate::outcome::Success;
use crate::redact::Redactor;
use crate::text::{self, size_text};

/// How many of the largest records are told.
const LARGEST: usize = 10;
/// The most types. BuildKit has six.
const TYPES: usize = 30;
/// The most cache mounts that are told apart. A namespace can make any number of them.
const MOUNTS: usize = 5000;
/// The longest description and the longest id of a mount, in bytes. A `RUN` may be as long as its Dockerfile.
const LONGEST: usize = 200;

/// What is in the daemon's cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The namespace whose cache mounts alone are counted.
    owner: Option<String>,
    pub(crate) total: Total,
    /// The bytes that something outside of the cache uses too.
    pub(crate) shared: u64,
    pub(crate) types: BTreeMap<String, Total>,
    /// The largest records, the largest first.
    pub(crate) largest: Vec<CacheRecord>,
    mounts: BTreeMap<String, Mount>,
    /// The records of cache mounts that are only counted.
    other_mounts: u64,
    /// How many parts of the records could not be read.
    missing: usize,
    /// The daemons of a pool that are not counted, with the reasons.
    uncounted: Vec<String>,
}

/// A number of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// The bytes of those that no build and no other record uses.
    pub(crate) reclaimable: u64,
}

/// The records of one cache mount. There are several if builds at the same time do not share it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) total: Total,
    last_used: Option<i64>,
}

impl Usage {
    /// An empty cache, or an empty part of it.
    pub(super) fn of(owner: Option<&str>) -> Self {
        Self { owner: owner.map(str::to_owned), ..Self::default() }
    }

    /// Counts a record.
    pub(super) fn add(&mut self, mut record: CacheRecord) {
        if !self.is_owned(&record) {
            return;
        }
        record.kind = text::brief(&record.kind, LONGEST);
        self.total.add(&record);
        if record.shared {
            self.shared = self.shared.saturating_add(record.bytes);
        }
        if self.types.len() < TYPES || self.types.contains_key(&record.kind) {
            self.types.entry(record.kind.clone()).or_default().add(&record);
        }
        if let Some(id) = record.mount() {
            let id = text::brief(id, LONGEST);
            match self.mounts.len() < MOUNTS || self.mounts.contains_key(&id) {
                true => self.mounts.entry(id).or_default().add(&record),
                false => self.other_mounts += 1,
            }
        }
        let at = self.largest.partition_point(|larger| larger.bytes >= record.bytes);
        if at < LARGEST {
            record.description = text::brief(&record.description, LONGEST);
            self.largest.insert(at, record);
            self.largest.truncate(LARGEST);
        }
    }

    /// Whether the record belongs to the namespace that is asked about. The daemon has filtered the records already; a record that
    /// does not belong to the namespace must not be seen, whatever the daemon's filters do.
    fn is_owned(&self, record: &CacheRecord) -> bool {
        let Some(owner) = &self.owner else { return true };
        let rest = record.mount().and_then(|id| id.strip_prefix(owner.as_str()));
        rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// Adds what is in the cache of another daemon.
    pub(super) fn merge(&mut self, other: Self) {
        self.total.merge(&other.total);
        self.shared = self.shared.saturating_add(other.shared);
        for (kind, total) in other.types {
            if self.types.len() < TYPES || self.types.contains_key(&kind) {
                self.types.entry(kind).or_default().merge(&total);
            }
        }
        for (id, mount) in other.mounts {
            match self.mounts.len() < MOUNTS || self.mounts.contains_key(&id) {
                true => self.mounts.entry(id).or_default().merge(&mount),
                false => self.other_mounts += mount.total.records,
            }
        }
        self.largest.extend(other.largest);
        self.largest.sort_by_key(|record| Reverse(record.bytes));
        self.largest.truncate(LARGEST);
        self.other_mounts += other.other_mounts;
        self.missing += other.missing;
    }

    /// Notes a daemon that is not counted.
    pub(super) fn leave_out(&mut self, why: String) {
        self.uncounted.push(why);
    }

    /// Sets the number of parts of the records that could not be read.
    pub(super) fn set_missing(&mut self, missing: usize) {
        self.missing = missing;
    }

    /// The cache mounts with their ids, the largest first.
    pub(crate) fn mounts(&self) -> Vec<(&String, &Mount)> {
        let mut mounts: Vec<_> = self.mounts.iter().collect();
        mounts.sort_by_key(|(_, mount)| Reverse(mount.total.bytes));
        mounts
    }

    /// What is not in the lists, or may be misunderstood.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.uncounted.clone();
        if self.missing > 0 {
            warnings.push(format!(
                "{} parts of the records are not counted, because their descriptions are too long to be read; shorten the `RUN` \
                 instructions of many kilobytes",
                self.missing
            ));
        }
        if self.other_mounts > 0 {
            let others = self.other_mounts;
            warnings
                .push(format!("{others} records of more than {MOUNTS} cache mounts are in the totals alone"));
        }
        warnings
    }

    /// One line.
    pub(super) fn summary(&self) -> String {
        let Total { records, bytes, reclaimable } = &self.total;
        let what = self.owner.as_ref().map_or("the cache has", |_| "this namespace's cache mounts have");
        let (bytes, reclaimable) = (size_text(*bytes), size_text(*reclaimable));
        format!("{what} {bytes} in {records} records; {reclaimable} of it is not in use")
    }

    pub(super) fn success(&self, redactor: &Redactor) -> Success {
        let [types, largest, mounts] = self.lists(redactor);
        let (listed, kept) = list_and_count(&mounts);
        let mut warnings = self.warnings();
        if kept < mounts.len() {
            warnings.push(format!(
                "the output `mounts` has the {kept} largest of {}: more do not fit a node's status",
                mounts.len()
            ));
        }
        let known = [
            ("size", self.total.bytes.to_string()),
            ("records", self.total.records.to_string()),
            ("reclaimable", self.total.reclaimable.to_string()),
            ("shared", self.shared.to_string()),
            ("types", list_that_fits(types)),
            ("largest", list_that_fits(largest)),
            ("mounts", listed),
            ("warnings", list_that_fits(warnings)),
        ];
        let mut outputs = super::empty_outputs();
        outputs.extend(known.map(|(name, value)| (name.to_owned(), value)));
        Success { summary: self.summary(), outputs }
    }

    /// The same as a JSON object.
    pub(crate) fn json(&self) -> Value {
        let [types, largest, mounts] = self.lists(&Redactor::default());
        json!({
            "size": self.total.bytes,
            "records": self.total.records,
            "reclaimable": self.total.reclaimable,
            "shared": self.shared,
            "types": types,
            "largest": largest,
            "mounts": mounts,
            "warnings": self.warnings(),
        })
    }

    /// The types, the largest records and the cache mounts, as programs read them.
    fn lists(&self, redactor: &Redactor) -> [Vec<Value>; 3] {
        [
            self.types.iter().map(|(kind, total)| total.shown(kind, redactor)).collect(),
            self.largest.iter().map(|record| shown(record, redactor)).collect(),
            self.mounts().into_iter().map(|(id, mount)| mount.shown(id, redactor)).collect(),
        ]
    }
}

impl Total {
    fn add(&mut self, record: &CacheRecord) {
        self.records += 1;
        self.bytes = self.bytes.saturating_add(record.bytes);
        if !record.in_use {
            self.reclaimable = self.reclaimable.saturating_add(record.bytes);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.reclaimable = self.reclaimable.saturating_add(other.reclaimable);
    }

    fn shown(&self, kind: &str, redactor: &Redactor) -> Value {
        let Self { records, bytes, reclaimable } = self;
        json!({"type": redactor.line(kind), "records": records, "size": bytes, "reclaimable": reclaimable})
    }
}

impl Mount {
    fn merge(&mut self, other: &Self) {
        self.total.merge(&other.total);
        self.last_used = self.last_used.max(other.last_used);
    }

    fn add(&mut self, record: &CacheRecord) {
        self.total.add(record);
        self.last_used = self.last_used.max(record.last_used);
    }

    fn shown(&self, id: &str, redactor: &Redactor) -> Value {
        let Total { records, bytes, reclaimable } = &self.total;
        json!({
            "id": redactor.line(id),
            "records": records,
            "size": bytes,
            "reclaimable": reclaimable,
            "last-used": time_text(self.last_used),
        })
    }
}

/// A record as a program reads it.
fn shown(record: &CacheRecord, redactor: &Redactor) -> Value {
    json!({
        "type": redactor.line(&record.kind),
        "size": record.bytes,
        "in-use": record.in_use,
        "shared": record.shared,
        "last-used": time_text(record.last_used),
        "description": redactor.line(&record.description),
    })
}

/// A time as people and programs read it; empty if it is unknown.
fn time_text(seconds: Option<i64>) -> String {
    seconds
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(String::new, |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, bytes: u64, description: &str) -> CacheRecord {
        let (kind, description) = (kind.to_owned(), description.to_owned());
        CacheRecord {
            kind,
            description,
            bytes,
            in_use: bytes % 2 == 1,
            shared: bytes == 8,
            last_used: Some(60),
        }
    }

    fn mount(id: &str, bytes: u64) -> CacheRecord {
        record("exec.cachemount", bytes, &format!("cached mount /c from exec a with id \"{id}\""))
    }

    #[test]
    fn records_are_counted_by_type_size_and_mount() {
        let mut usage = Usage::of(None);
        for bytes in 1..=20 {
            usage.add(record("regular", bytes, "pulled from r.example/a"));
        }
        usage.add(mount("builds/npm", 7));
        usage.add(mount("builds/npm", 10));
        usage.add(mount("team/go", 30));
        assert_eq!((usage.total.records, usage.total.bytes, usage.shared), (23, 210 + 47, 8));
        assert_eq!(usage.total.reclaimable, 110 + 40);
        assert_eq!(usage.types["exec.cachemount"], Total { records: 3, bytes: 47, reclaimable: 40 });
        let sizes: Vec<_> = usage.largest.iter().map(|record| record.bytes).collect();
        assert_eq!(sizes, [30, 20, 19, 18, 17, 16, 15, 14, 13, 12]);
        let mounts: Vec<_> =
            usage.mounts().into_iter().map(|(id, mount)| (id.as_str(), mount.total.bytes)).collect();
        assert_eq!(mounts, [("team/go", 30), ("builds/npm", 17)]);
    }

    #[test]
    fn the_caches_of_several_daemons_are_added_up() {
        let layers = (1..=20).map(|bytes| record("regular", bytes, "pulled from r.example/a"));
        let mounts = [mount("builds/npm", 7), mount("builds/npm", 30), mount("team/go", 31)];
        let (mut whole, mut parts) = (Usage::of(None), [Usage::of(None), Usage::of(None)]);
        for (nth, record) in layers.chain(mounts).enumerate() {
            whole.add(record.clone());
            parts[nth % 2].add(record);
        }
        let mut sum = Usage::of(None);
        parts.into_iter().for_each(|part| sum.merge(part));
        assert_eq!(sum, whole);
        sum.leave_out("buildkitd-1 is not counted: it is away".to_owned());
        assert_eq!(sum.warnings(), ["buildkitd-1 is not counted: it is away"]);
    }

    #[test]
    fn a_namespace_sees_its_own_mounts_alone() {
        let mut usage = Usage::of(Some("builds"));
        let foreign =
            ["builds2/npm", "other/builds/npm", "builds", "/npm", "other/ with id \\\"builds/x\\\""];
        foreign.into_iter().for_each(|id| usage.add(mount(id, 4)));
        usage.add(record("regular", 4, "mount / from exec a"));
        assert_eq!(usage, Usage::of(Some("builds")));
        usage.add(mount("builds//root/.npm", 4));
        assert_eq!((usage.total.records, usage.mounts().len()), (1, 1));
    }

    #[test]
    fn a_cache_of_any_size_takes_little_memory() {
        let mut usage = Usage::of(None);
        for n in 0..20_000 {
            usage.add(mount(&format!("builds/{n}{}", "x".repeat(2000)), n));
            usage.add(record(&format!("type-{n}"), n, &"y".repeat(2000)));
        }
        assert_eq!((usage.total.records, usage.mounts.len(), usage.largest.len()), (40_000, MOUNTS, LARGEST));
        assert!(usage.types.len() <= TYPES && usage.mounts.keys().all(|id| id.len() < LONGEST + 8));
        let done = usage.success(&Redactor::default());
        assert!(done.outputs.values().all(|value| value.len() <= 32 << 10));
        assert!(
            done.outputs["warnings"].contains("the output `mounts` has the"),
            "{}",
            done.outputs["warnings"]
        );
        assert!(done.outputs["warnings"].contains("15000 records of more than 5000 cache mounts"));
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (34_000_000, "34 MB"),
            (999_600_000, "1.0 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }
}
