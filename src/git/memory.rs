//! The process-wide memory budget for Git objects.
//!
//! libgit2 keeps some 170 bytes of each object of a pack until the pack is indexed (`indexer.c`: `struct entry`,
//! `struct git_pack_entry` and their places in a vector and a map). At the end of the pack it also holds a delta with
//! its base and its result. The first is held while a server sends, so each tenant has its share of that memory. The
//! second is held only while a thread computes, so that memory is handed from one task to the next.

use std::time::Duration;

use tokio::time::Instant;

use super::error::GitError;
use crate::limits::{Budget, Held, TooMuch};

/// Bytes for the objects of incoming packs.
const PACKS: usize = 64 << 20;
/// Bytes for computing threads: twice the memory that the nodes of the largest file take, and three objects of the
/// largest size.
const WORK: usize = 96 << 20;
/// Bytes of memory for each object while its pack arrives.
const OBJECT: usize = 200;
/// How long a pack keeps its memory while others wait for it.
const HOLD: Duration = Duration::from_secs(10);

/// The budget. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct GitMemory {
    packs: Budget,
    work: Budget,
    hold: Duration,
}

/// The memory that one incoming pack holds.
pub(super) struct PackMemory {
    held: Held,
    budget: Budget,
    until: Instant,
}

impl Default for GitMemory {
    fn default() -> Self {
        Self::new(PACKS, HOLD)
    }
}

impl GitMemory {
    pub(super) fn new(packs: usize, hold: Duration) -> Self {
        Self { packs: Budget::new(packs), work: Budget::in_turns(WORK), hold }
    }

    /// The same budget, limited to the share of `tenant`.
    pub(super) fn of(&self, tenant: Option<&str>) -> Self {
        Self { packs: self.packs.of(tenant), work: self.work.of(tenant), hold: self.hold }
    }

    /// Takes memory for a pack of `objects` objects, if there is some now.
    pub(super) fn pack_now(&self, objects: u32) -> Option<PackMemory> {
        self.packs.try_take(needed(objects)).map(|held| self.held(held))
    }

    /// Waits for memory for a pack of `objects` objects from `repo`.
    pub(super) async fn pack(&self, repo: &str, objects: u32) -> Result<PackMemory, GitError> {
        let taken = self.packs.take(needed(objects)).await;
        let held = taken.map_err(|TooMuch { allowed, .. }| {
            let most = allowed / OBJECT;
            let what = format!(
                "its server sends {objects} objects at once, and there is memory for {most}; turn on partial clone there \
                 (`uploadpack.allowFilter`), so that fewer are sent"
            );
            GitError::Unusable { repo: repo.to_owned(), what }
        })?;
        Ok(self.held(held))
    }

    fn held(&self, held: Held) -> PackMemory {
        PackMemory { held, budget: self.packs.clone(), until: Instant::now() + self.hold }
    }

    /// Holds the memory for packs as two tenants; the future ends once another one waits for some.
    #[cfg(test)]
    pub(crate) async fn without_packs(&self) -> ([Held; 2], impl Future<Output = ()> + use<>) {
        let [one, two] = ["one", "two"].map(|tenant| self.packs.of(Some(tenant)));
        let (half, from) = (one.allowed(), Instant::now());
        let held = [one.take(half).await.ok(), two.take(half).await.ok()].map(Option::unwrap);
        (held, async move { one.wanted(from).await })
    }

    /// Waits for `bytes` of memory for work that does not wait for a server.
    pub(crate) async fn work(&self, bytes: usize) -> Result<Held, TooMuch> {
        self.work.take(bytes).await
    }
}

/// The bytes for a pack of `objects` objects.
fn needed(objects: u32) -> usize {
    usize::try_from(objects).unwrap_or(usize::MAX).saturating_mul(OBJECT)
}

impl PackMemory {
    /// Runs `work` while holding the memory. Fails once others have waited for the memory for too long, because the
    /// server is slow.
    pub(super) async fn during<T>(
        self,
        repo: &str,
        work: impl Future<Output = Result<T, GitError>>,
    ) -> Result<T, GitError> {
        let Self { held: _held, budget, until } = self;
        tokio::select! {
            biased;
            done = work => done,
            () = budget.wanted(until) => {
                let what = "it sends its objects slowly, and other steps wait for the memory".to_owned();
                Err(GitError::Unavailable { repo: repo.to_owned(), action: "read", what, cause: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pack_of_more_objects_than_there_is_memory_for_is_refused_by_its_head() {
        let memory = GitMemory::default();
        memory.pack("r", 300_000).await.unwrap();
        let error = memory.of(Some("shop")).pack("r", 300_000).await.err().unwrap().to_string();
        assert!(error.contains("300000 objects at once, and there is memory for 167772"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn packs_that_arrive_slowly_keep_no_other_tenant_waiting() {
        let memory = GitMemory::default();
        let slow = ["a", "b"].map(|tenant| {
            let memory = memory.of(Some(tenant));
            tokio::spawn(async move {
                let pack = memory.pack("slow", 160_000).await?;
                pack.during("slow", pending::<Result<(), GitError>>()).await
            })
        });
        tokio::time::sleep(HOLD * 3).await;
        assert!(slow.iter().all(|pack| !pack.is_finished()), "nobody waits for what they hold");
        memory.of(Some("c")).pack("quick", 100_000).await.unwrap();
        let mut ended = slow.into_iter().filter(|pack| pack.is_finished());
        let error = ended.next().unwrap().await.unwrap().unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("other steps wait"), "{error}");
    }
}
