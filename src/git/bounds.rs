//! The limits on the size of a server's answers. Data that is ignored is limited too, because reading it takes time.
//!
//! The numbers are chosen for a shared process of 512 MiB. When an answer is longer, the error names the repository
//! and the limit. It is not retried, because the server would send the same answer again.

use super::error::GitError;

/// The maximum number of packets and bytes of one part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    /// The name of the part, as error messages say it.
    pub(super) what: &'static str,
    pub(super) packets: usize,
    /// Bytes of the packets, including their length fields.
    pub(super) bytes: usize,
}

/// The server's capabilities. Git's own server sends about ten.
pub(super) const CAPABILITIES: Limit = Limit { what: "capabilities", packets: 1000, bytes: 1 << 20 };

/// Refs in one list, including the peeled values of annotated tags. 180,000 tags take 12 MiB.
pub(super) const REFS: Limit = Limit { what: "refs", packets: 500_000, bytes: 32 << 20 };

/// Packets before a pack: `shallow` lines, at most one for each commit of a history, and `ACK`s.
pub(super) const BEFORE_PACK: Limit =
    Limit { what: "lines before its pack", packets: 100_000, bytes: 8 << 20 };

/// Progress, which is not requested, and keep-alive packets, one every five seconds.
pub(super) const BESIDE_PACK: Limit =
    Limit { what: "progress beside its pack", packets: 100_000, bytes: 8 << 20 };

/// The report on a push, including the output of hooks.
pub(super) const REPORT: Limit = Limit { what: "report on a push", packets: 100_000, bytes: 16 << 20 };

/// The maximum length of a ref name in bytes. The names that we request are not longer (see
/// [`super::resolve::check_name`]).
pub(super) const REF_NAME: usize = 1000;

/// How many refs are kept of a list. A misspelt name is compared with these.
pub(super) const REFS_KEPT: usize = 2000;

/// How much of one part has been read.
#[derive(Debug)]
pub(super) struct Usage {
    limit: Limit,
    packets: usize,
    bytes: usize,
}

impl Usage {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, packets: 0, bytes: 0 }
    }

    /// Changes the limit: from here on the bytes belong to another part.
    pub(super) fn becomes(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Counts a packet from the repository `repo`.
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
