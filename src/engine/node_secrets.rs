//! Caches the Secrets that the steps of one node read. Each is read once, however many steps and fields name it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::kube::{Secret, SecretError};
use crate::outcome::StepError;

/// The lifetime of a cached Secret. A build may take longer than a token is valid, and its owner may put a new token into the
/// Secret meanwhile.
const GOOD: Duration = Duration::from_secs(300);
/// The maximum size in bytes of the Secrets of one node. A step may name a thousand of 1 MiB each.
const MAX_SIZE: usize = 8 << 20;
/// The number of Secrets that are read at a time. The answer for one of 1 MiB takes several.
const AT_A_TIME: usize = 4;

type Cell = Arc<OnceCell<(Arc<Secret>, Instant)>>;

/// The cached Secrets of one node. Clones share them.
#[derive(Clone)]
pub(super) struct NodeSecrets {
    cells: Arc<Mutex<BTreeMap<String, Cell>>>,
    turns: Arc<Semaphore>,
}

impl Default for NodeSecrets {
    fn default() -> Self {
        Self { cells: Arc::default(), turns: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

impl NodeSecrets {
    /// Returns the Secret `name` from the cache, or calls `read`. Concurrent callers wait for the same read; errors are not cached.
    pub(super) async fn get<F: Future<Output = Result<Secret, SecretError>>>(
        &self,
        name: &str,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<Secret>, StepError> {
        let cell = self.cell(name);
        let kept = async || {
            // Never closed.
            let _turn = self.turns.acquire().await;
            Ok::<_, SecretError>((Arc::new(read().await?), Instant::now()))
        };
        let (secret, _) = cell.get_or_try_init(kept).await?;
        if self.size() > MAX_SIZE {
            return Err(StepError::user(format!(
                "the Secrets that this step names have more than {} MiB together; name fewer, or smaller ones",
                MAX_SIZE >> 20
            )));
        }
        Ok(Arc::clone(secret))
    }

    fn size(&self) -> usize {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.values().filter_map(|cell| cell.get()).map(|(secret, _)| secret.size()).sum()
    }

    fn cell(&self, name: &str) -> Cell {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.entry(name.to_owned()).or_default();
        if cell.get().is_some_and(|(_, read)| read.elapsed() >= GOOD) {
            *cell = Cell::default();
        }
        Arc::clone(cell)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::outcome::Fault;

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_once_until_it_is_old() {
        let (secrets, reads) = (NodeSecrets::default(), AtomicUsize::new(0));
        let read = async || {
            reads.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Secret::example(None, &[]))
        };
        let clone = secrets.clone();
        let (one, two) = tokio::join!(secrets.get("git", read), clone.get("git", read));
        assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
        secrets.get("git", read).await.unwrap();
        assert_eq!(reads.load(Ordering::SeqCst), 1);
        secrets.get("registry", read).await.unwrap();
        tokio::time::advance(GOOD).await;
        secrets.get("git", read).await.unwrap();
        assert_eq!(reads.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn the_secrets_of_a_step_have_a_limit_together() {
        let (secrets, size) = (NodeSecrets::default(), 1 << 20);
        let all = (0..MAX_SIZE / size + 1).map(|n| format!("secret-{n}"));
        let mut read = Vec::new();
        for name in all {
            read.push(secrets.get(&name, async || Ok(Secret::of_size(size))).await);
        }
        let error = read.pop().unwrap().unwrap_err();
        assert!(error.fault == Fault::User && error.message.contains("more than 8 MiB"), "{error:?}");
        assert!(read.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn few_secrets_are_read_at_a_time() {
        let (secrets, at_work, most) = (NodeSecrets::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let read = async || {
            most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            at_work.fetch_sub(1, Ordering::SeqCst);
            Ok(Secret::example(None, &[]))
        };
        let names: Vec<_> = (0..100).map(|n| format!("secret-{n}")).collect();
        let all = futures_util::future::join_all(names.iter().map(|name| secrets.get(name, read))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(most.into_inner(), AT_A_TIME);
    }

    #[tokio::test]
    async fn an_error_is_not_kept() {
        let secrets = NodeSecrets::default();
        let away = async || Err(SecretError::Unreadable { name: "git".into(), reason: "away".into() });
        assert!(secrets.get("git", away).await.is_err());
        secrets.get("git", async || Ok(Secret::example(None, &[]))).await.unwrap();
    }
}
