//! The time that one run spends on a repository.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::git::RepoUrl;
use crate::outcome::StepError;

/// How long the services of one repository are worked on. A sweep runs every few minutes.
const REPOSITORY: Duration = Duration::from_secs(120);

/// The time for one repository. It begins with the first request, so a wait for other repositories does not count.
#[derive(Debug)]
pub(super) struct Budget {
    repo: String,
    end: Instant,
}

impl Budget {
    pub(super) fn begin(repo: &RepoUrl) -> Self {
        Self { repo: repo.to_string(), end: Instant::now() + REPOSITORY }
    }

    /// Fails if no time is left.
    pub(super) fn check(&self) -> Result<(), StepError> {
        if Instant::now() < self.end { Ok(()) } else { Err(self.over()) }
    }

    /// Runs `request`. `None` if the time ends before it does.
    pub(super) async fn within<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.end, request).await.ok()
    }

    pub(super) fn over(&self) -> StepError {
        StepError::transient(format!(
            "this run has worked on `{}` for {} s, which is the most, because its server is slow or many of its branches have no \
             image; the next run looks at the others",
            self.repo,
            REPOSITORY.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_without_end_ends_with_the_time_of_its_repository() {
        let budget = Budget::begin(&"https://git.example.com/shop/api.git".parse().unwrap());
        tokio::time::advance(REPOSITORY / 2).await;
        assert_eq!(budget.within(async { 7 }).await, Some(7));
        assert!(budget.check().is_ok());
        assert_eq!(budget.within(std::future::pending::<()>()).await, None);
        let over = budget.check().unwrap_err();
        assert!(
            over.message.contains("`https://git.example.com/shop/api.git` for 120 s"),
            "{}",
            over.message
        );
    }
}
