//! The daemon's cache: what is in it, and a prune of it.
//!
//! Both calls may take minutes, in which the daemon sends nothing: it measures directories, deletes them, or waits for another
//! prune. So a session is open beside each call. The daemon checks every session every five seconds, and is given up when it
//! stops doing so.

mod mount;

use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1 as control;
use tonic::Code;

use super::connection::Connection;
use super::error::BuildError;
use super::{Buildkit, PEER, session};
use crate::time_limits::{PeerActivity, within};

pub use mount::own_mounts;

/// The largest answer about the cache that is read, in bytes. The daemon's own limit is 16 MiB, so the records of a large cache
/// do not fit one answer in any case. Decoded, an answer takes about three times its size.
const LARGEST: usize = 4 << 20;

/// The memory that one reading of the usage takes at most.
const MEMORY: usize = 4 * LARGEST;

/// The memory for all readings of the usage.
pub(super) const READINGS: usize = 4 * MEMORY;

/// The most requests of one reading. The daemon looks at all its records for each of them.
const REQUESTS: usize = 1500;

/// How many characters of an id a request may name. Three divide the records into 46,656 parts.
const DEEPEST: usize = 3;

/// A record of the daemon's cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRecord {
    /// The type, such as `regular` or `exec.cachemount`. Empty in the answer to a prune.
    pub kind: String,
    /// What made it, such as `mount / from exec /bin/sh -c npm ci`. It contains text of a Dockerfile.
    pub description: String,
    /// Its own size.
    pub bytes: u64,
    /// Whether a build or another record uses it.
    pub in_use: bool,
    /// Whether something outside of the daemon's cache uses its data.
    pub shared: bool,
    /// The number of seconds since 1970 at which it was last used.
    pub last_used: Option<i64>,
}

/// What a prune deletes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CachePrune {
    /// Filters, one of which a record must match. Without any, every record matches.
    pub filters: Vec<String>,
    /// The time since its last use after which a record is deleted.
    pub older_than: Option<Duration>,
    /// The size, in bytes, below which nothing is deleted.
    pub reserved_space: Option<u64>,
    /// The size, in bytes, to which the cache may grow.
    pub max_used_space: Option<u64>,
    /// The bytes that must be free on the daemon's disk.
    pub min_free_space: Option<u64>,
    /// Whether the records of frontends and BuildKit's own are deleted too.
    pub all: bool,
}

impl CacheRecord {
    /// The id of a cache mount; `None` for other records, and for those of daemons that do not name it.
    pub fn mount(&self) -> Option<&str> {
        mount::id(&self.description)
    }
}

impl From<control::UsageRecord> for CacheRecord {
    fn from(record: control::UsageRecord) -> Self {
        Self {
            kind: record.record_type,
            description: record.description,
            // -1 is a size that the daemon could not find out.
            bytes: u64::try_from(record.size).unwrap_or(0),
            in_use: record.in_use,
            shared: record.shared,
            last_used: record.last_used_at.map(|time| time.seconds),
        }
    }
}

impl Buildkit {
    /// Passes every record that matches `filter` to `each`; all records without a filter. Returns how many parts of the records are
    /// missing, because they are too large to be read. The records may change meanwhile. `tenant` is the namespace whose share of
    /// memory is used.
    pub async fn cache_records(
        &self,
        filter: Option<&str>,
        tenant: Option<&str>,
        each: &mut (dyn FnMut(CacheRecord) + Send),
    ) -> Result<usize, BuildError> {
        let readings = self.inner.readings.of(tenant);
        let _held = readings.take(MEMORY).await.map_err(|too_much| BuildError::memory(&too_much))?;
        let connection = self.connect().await?;
        self.awake(&connection, self.inner.limits.usage, self.read_records(&connection, filter, each)).await
    }

    /// Deletes records from the daemon's cache, and passes each to `each` once it is gone. Dropping the future stops the prune.
    pub async fn prune_cache(
        &self,
        prune: &CachePrune,
        each: &mut (dyn FnMut(CacheRecord) + Send),
    ) -> Result<(), BuildError> {
        let connection = self.connect().await?;
        let pruned = async {
            let lost = |status: tonic::Status| self.unreachable_or(&status);
            let mut client = connection.client();
            let mut gone = client.prune(request(prune)).await.map_err(lost)?.into_inner();
            while let Some(record) = gone.message().await.map_err(lost)? {
                each(record.into());
            }
            Ok(())
        };
        self.awake(&connection, self.inner.limits.prune, pruned).await
    }

    /// Asks for all records at once. If they do not fit an answer, asks for those whose ids begin with one character, then with two.
    async fn read_records(
        &self,
        connection: &Connection,
        filter: Option<&str>,
        each: &mut (dyn FnMut(CacheRecord) + Send),
    ) -> Result<usize, BuildError> {
        let mut client = connection.client().max_decoding_message_size(LARGEST);
        let mut missing = 0;
        let mut parts = vec![Part::default()];
        let mut requests = 0;
        while let Some(part) = parts.pop() {
            if requests == REQUESTS {
                return Ok(missing + parts.len() + 1);
            }
            requests += 1;
            let filter = part.filter(filter).into_iter().collect();
            match client.disk_usage(control::DiskUsageRequest { filter, age_limit: 0 }).await {
                Ok(reply) => reply.into_inner().record.into_iter().for_each(|record| each(record.into())),
                Err(status) if is_too_large(&status) && part.depth < DEEPEST => parts.extend(part.divided()),
                Err(status) if is_too_large(&status) => missing += 1,
                Err(status) => return Err(self.unreachable_or(&status)),
            }
        }
        Ok(missing)
    }

    /// Waits for `call` on `connection` as long as the daemon is alive, and at most for `limit`.
    async fn awake<T>(
        &self,
        connection: &Connection,
        limit: Duration,
        call: impl Future<Output = Result<T, BuildError>>,
    ) -> Result<T, BuildError> {
        let activity = PeerActivity::default();
        let id = session::new_id("cache");
        let _tunnel = self.opened(connection.client(), session::none(), id, &activity).await?;
        tokio::select! {
            ended = within(limit, PEER, call) => ended.map_err(|late| self.late(&late))?,
            late = activity.stopped(self.inner.limits.silence, PEER) => Err(self.late(&late)),
        }
    }
}

/// A part of the records: those whose ids match a regular expression.
#[derive(Debug, Clone, Default)]
struct Part {
    /// A class of characters for each of the first characters of an id.
    classes: String,
    depth: usize,
}

impl Part {
    /// The part's own parts. Ids consist of digits and lower-case letters (BuildKit `identity/randomid.go`); the last part has those
    /// that do not.
    fn divided(&self) -> impl Iterator<Item = Self> {
        let one = (b'0'..=b'9').chain(b'a'..=b'z').map(|byte| char::from(byte).to_string());
        let classes = one.chain(["[^0-9a-z]".to_owned()]);
        classes.map(|class| Self { classes: format!("{}{class}", self.classes), depth: self.depth + 1 })
    }

    /// The filter for the records of this part that match `filter`.
    fn filter(&self, filter: Option<&str>) -> Option<String> {
        let own = (self.depth > 0).then(|| format!("id~=\"^{}\"", self.classes));
        match (own, filter) {
            (Some(own), Some(filter)) => Some(format!("{own},{filter}")),
            (own, filter) => own.or_else(|| filter.map(str::to_owned)),
        }
    }
}

/// Whether an answer is larger than the daemon sends (`ResourceExhausted`), or than we read (`OutOfRange`).
fn is_too_large(status: &tonic::Status) -> bool {
    let is_about_size =
        status.message().contains("larger than max") || status.message().contains("too large");
    matches!(status.code(), Code::ResourceExhausted | Code::OutOfRange) && is_about_size
}

fn request(prune: &CachePrune) -> control::PruneRequest {
    let bytes = |size: Option<u64>| size.map_or(0, |size| i64::try_from(size).unwrap_or(i64::MAX));
    let age = prune.older_than.unwrap_or_default().as_nanos();
    control::PruneRequest {
        filter: prune.filters.clone(),
        all: prune.all,
        keep_duration: i64::try_from(age).unwrap_or(i64::MAX),
        reserved_space: bytes(prune.reserved_space),
        max_used_space: bytes(prune.max_used_space),
        min_free_space: bytes(prune.min_free_space),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_cache_are_all_of_it() {
        let whole = Part::default();
        assert_eq!((whole.filter(None), whole.filter(Some("type==a"))), (None, Some("type==a".to_owned())));
        let parts: Vec<_> = whole.divided().collect();
        assert_eq!(parts.len(), 37);
        assert_eq!(parts[36].filter(None).as_deref(), Some(r#"id~="^[^0-9a-z]""#));
        let deeper: Vec<_> = parts[10].divided().collect();
        assert_eq!(deeper[3].filter(Some("type==a")).as_deref(), Some(r#"id~="^a3",type==a"#));
        assert_eq!(deeper[3].depth, 2);
    }
}
