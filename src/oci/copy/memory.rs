//! The memory that all copies of a process share. A hostile image or registry uses up its own tenant's share only.

use std::time::Duration;

use reqwest::Response;
use tokio::time::Instant;

use super::super::OciError;
use super::super::read::MANIFEST_READ;
use crate::limits::{Budget, Held, TooMuch};

/// The memory for manifests. One tenant may have half.
const MANIFESTS: usize = 64 << 20;
/// The memory for chunks of blobs. One tenant may have half: sixteen chunks.
const CHUNKS: usize = 160 << 20;
/// The bytes of manifests of referrers that are in memory at the same time: one with what it names, and a list; or the signatures at
/// the source, those at the target, and what is written there.
pub(super) const REFERRERS: usize = 3 * MANIFEST_READ;
/// A manifest of at most so many bytes is read without waiting for memory. That of two hundred platforms has less.
const SMALL: u64 = 64 << 10;
/// How long a slow chunk keeps its memory when another tenant waits for some.
const HOLD: Duration = Duration::from_secs(60);
/// What the lists of a manifest take in memory, besides its bytes: three times its bytes, but not more than this. The number of
/// blobs is limited.
const LISTS: usize = 4 << 20;

/// The memory that all copies of a process share.
#[derive(Debug, Clone)]
pub(in crate::oci) struct CopyMemory {
    manifests: Budget,
    chunks: Budget,
}

impl Default for CopyMemory {
    fn default() -> Self {
        Self { manifests: Budget::new(MANIFESTS), chunks: Budget::new(CHUNKS) }
    }
}

impl CopyMemory {
    /// The share of `tenant`.
    pub(in crate::oci) fn of(&self, tenant: Option<&str>) -> Self {
        Self { manifests: self.manifests.of(tenant), chunks: self.chunks.of(tenant) }
    }

    /// Waits for the memory for one manifest of unknown size.
    pub(in crate::oci) async fn manifest(&self) -> Result<Held, OciError> {
        self.manifests(MANIFEST_READ).await
    }

    /// The same for a caller that may have memory for it already, and then names none.
    pub(in crate::oci) async fn manifest_from(memory: Option<&Self>) -> Result<Option<Held>, OciError> {
        match memory {
            Some(memory) => memory.manifest().await.map(Some),
            None => Ok(None),
        }
    }

    /// Waits for the memory for a list of referrers, and for the one that is written in its place. A caller must not hold any yet.
    pub(in crate::oci) async fn referrers(&self) -> Result<Held, OciError> {
        self.manifests(REFERRERS).await
    }

    /// Waits for the memory for a small blob that is read whole. A caller must not hold any yet.
    pub(in crate::oci) async fn content(&self, bytes: usize) -> Result<Held, OciError> {
        self.manifests(bytes).await
    }

    /// Waits for the memory for the manifest or the config in `answer`; `None` if it says that it is small. A caller must not
    /// hold any yet.
    pub(in crate::oci) async fn for_body(&self, answer: &Response) -> Result<Option<Held>, OciError> {
        match answer.content_length().is_some_and(|bytes| bytes <= SMALL) {
            true => Ok(None),
            false => Ok(Some(self.manifest().await?)),
        }
    }

    /// Waits for the memory for manifests of so many bytes. A caller must not hold any yet.
    pub(super) async fn manifests(&self, bytes: usize) -> Result<Held, OciError> {
        let lists = bytes.saturating_mul(3).min(LISTS);
        self.manifests.take(bytes.saturating_add(lists)).await.map_err(refused)
    }

    /// Runs `work` with the memory for a chunk of `bytes`. `None` if the work is slow and another tenant waits for memory.
    pub(super) async fn chunk<T>(
        &self,
        bytes: usize,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, OciError> {
        let _held = self.chunks.take(bytes).await.map_err(refused)?;
        tokio::select! {
            biased;
            done = work => Ok(Some(done)),
            () = self.chunks.wanted(Instant::now() + HOLD) => Ok(None),
        }
    }
}

fn refused(too_much: TooMuch) -> OciError {
    OciError::unexpected("the copy".to_owned(), too_much.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slow_chunks_of_two_tenants_keep_no_third_waiting() {
        let memory = CopyMemory::default();
        let slow = ["a", "b"].map(|tenant| {
            let memory = memory.of(Some(tenant));
            tokio::spawn(async move { memory.chunk(CHUNKS / 2, pending::<()>()).await })
        });
        tokio::time::sleep(HOLD * 3).await;
        assert!(slow.iter().all(|chunk| !chunk.is_finished()), "nobody waits for what they hold");
        let third = memory.of(Some("c")).chunk(5 << 20, std::future::ready(7)).await;
        assert_eq!(third.unwrap(), Some(7));
        assert!(slow.iter().any(tokio::task::JoinHandle::is_finished));
    }

    #[tokio::test(start_paused = true)]
    async fn one_tenants_images_leave_memory_for_those_of_others() {
        let memory = CopyMemory::default();
        let (one, other) = (memory.of(Some("a")), memory.of(Some("b")));
        let mut held = Vec::new();
        while let Ok(more) = tokio::time::timeout(HOLD, one.manifests(16 << 20)).await {
            held.push(more.unwrap());
        }
        assert_eq!(held.len(), 1, "each takes 20 MiB of 32");
        drop(other.manifests(16 << 20).await.unwrap());
        drop(held);
        drop(one.manifests(16 << 20).await.unwrap());
        one.manifests(MANIFESTS).await.unwrap_err();
    }
}
