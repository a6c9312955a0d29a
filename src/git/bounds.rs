//! How much of a server's answer is taken, in one place. What has no use is bounded too: reading it is work.
//!
//! The numbers are for a process of 512 MiB that many share. Where a list is longer, the error names the repository and the limit; asking
//! again would bring the same list, so it is not retried.

use super::error::GitError;

/// Packets and bytes of one kind that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    /// What they hold, as the error says it.
    pub(super) what: &'static str,
    /// Packets.
    pub(super) packets: usize,
    /// Bytes of these, their lengths included.
    pub(super) bytes: usize,
}

/// What a server can: Git's own says some ten things.
pub(super) const CAPABILITIES: Limit = Limit { what: "capabilities", packets: 1000, bytes: 1 << 20 };

/// Refs in one list, what annotated tags point to included. 180,000 tags take 12 MiB.
pub(super) const REFS: Limit = Limit { what: "refs", packets: 500_000, bytes: 32 << 20 };

/// What comes before a pack: `shallow` lines, at most one for each commit of a history, and `ACK`s.
pub(super) const BEFORE_PACK: Limit =
    Limit { what: "lines before its pack", packets: 100_000, bytes: 8 << 20 };

/// Progress, which is not asked for, and packets that keep the connection alive, one in five seconds.
pub(super) const BESIDE_PACK: Limit =
    Limit { what: "progress beside its pack", packets: 100_000, bytes: 8 << 20 };

/// The report on a push, with what hooks print.
pub(super) const REPORT: Limit = Limit { what: "report on a push", packets: 100_000, bytes: 16 << 20 };

/// Bytes of a ref's name. Ours are no longer than that (see [`super::resolve::check_name`]), so that no other one is wanted.
pub(super) const REF_NAME: usize = 1000;

/// Refs that are kept of a list, and names that a misspelt one is compared with.
pub(super) const REFS_KEPT: usize = 2000;

/// What was read of one kind.
#[derive(Debug)]
pub(super) struct Spent {
    limit: Limit,
    packets: usize,
    bytes: usize,
}

impl Spent {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, packets: 0, bytes: 0 }
    }

    /// From here on it counts as another kind.
    pub(super) fn becomes(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Counts a packet of the repository `repo`.
    pub(super) fn add(&mut self, repo: &str, bytes: usize) -> Result<(), GitError> {
        (self.packets, self.bytes) = (self.packets + 1, self.bytes + bytes);
        let Limit { what, packets, bytes } = self.limit;
        if self.packets <= packets && self.bytes <= bytes {
            return Ok(());
        }
        let limit = format!("{} MiB or {packets} packets", bytes >> 20);
        Err(GitError::Flood { repo: repo.to_owned(), limit, what })
    }
}
