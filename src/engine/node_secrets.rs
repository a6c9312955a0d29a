//! Caches the Secrets that the steps of one node read. Each is read once, however many steps and fields name it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::kube::{Secret, SecretError};

/// The lifetime of a cached Secret. A build may take longer than a token is valid, and its owner may put a new token into the
/// Secret meanwhile.
const GOOD: Duration = Duration::from_secs(300);

type Cell = Arc<OnceCell<(Arc<Secret>, Instant)>>;

/// The cached Secrets of one node. Clones share them.
#[derive(Clone, Default)]
pub(super) struct NodeSecrets(Arc<Mutex<BTreeMap<String, Cell>>>);

impl NodeSecrets {
    /// Returns the Secret `name` from the cache, or calls `read`. Concurrent callers wait for the same read; errors are not cached.
    pub(super) async fn get<F: Future<Output = Result<Secret, SecretError>>>(
        &self,
        name: &str,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<Secret>, SecretError> {
        let cell = self.cell(name);
        let kept = async || Ok::<_, SecretError>((Arc::new(read().await?), Instant::now()));
        let (secret, _) = cell.get_or_try_init(kept).await?;
        Ok(Arc::clone(secret))
    }

    fn cell(&self, name: &str) -> Cell {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    async fn an_error_is_not_kept() {
        let secrets = NodeSecrets::default();
        let away = async || Err(SecretError::Unreadable { name: "git".into(), reason: "away".into() });
        assert!(secrets.get("git", away).await.is_err());
        secrets.get("git", async || Ok(Secret::example(None, &[]))).await.unwrap();
    }
}
