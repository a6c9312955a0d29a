//! Tries a request again while its error may pass.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBackoff};
use reqwest::Response;
use tokio::time::{Instant, sleep};

use super::super::OciError;
use super::super::repository::ImageRepository;
use crate::http;
use crate::outcome::Fault;
use crate::time_limits::pauses;

/// The most tries of one request without any success between them. Their pauses are about a minute together.
const MOST: usize = 12;
/// The longest time after the first failure, without the pauses that the server asks for. A silent server takes a minute
/// for each try.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause before the second try, and the longest pause that the server does not ask for.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// A request that failed.
pub(super) struct Failed {
    pub(super) error: OciError,
    /// The HTTP status, if there was an answer.
    pub(super) status: Option<u16>,
    /// The pause that the server asks for.
    after: Option<Duration>,
}

impl Failed {
    /// The failure that `answer` states.
    pub(super) async fn of(repository: &ImageRepository<'_>, answer: Response) -> Self {
        let (status, after) = (Some(answer.status().as_u16()), retry_after(&answer));
        Self { error: repository.error(answer).await, status, after }
    }

    pub(super) fn may_pass(&self) -> bool {
        self.error.fault() == Fault::Transient
    }
}

impl From<OciError> for Failed {
    fn from(error: OciError) -> Self {
        Self { error, status: None, after: None }
    }
}

/// The tries of one request, or of one blob as long as it makes progress.
pub(super) struct Tries {
    deadline: Instant,
    pauses: ExponentialBackoff,
    /// When [`PATIENCE`] ends, once there was a failure.
    patience: Option<Instant>,
}

impl Tries {
    /// No try begins after `deadline`.
    pub(super) fn until(deadline: Instant) -> Self {
        let [shortest, longest] = PAUSES;
        let pauses = pauses::growing(shortest, longest).with_max_times(MOST - 1).build();
        Self { deadline, pauses, patience: None }
    }

    /// Waits before another try.
    ///
    /// # Errors The error of `failed`, if it will not pass, or not in time.
    pub(super) async fn wait(&mut self, failed: impl Into<Failed>) -> Result<(), OciError> {
        let failed = failed.into();
        if !failed.may_pass() {
            return Err(failed.error);
        }
        self.wait_anyway(failed).await
    }

    /// The same for an error that passes although it does not look so.
    pub(super) async fn wait_anyway(&mut self, failed: Failed) -> Result<(), OciError> {
        let Some(pause) = self.pauses.next() else { return Err(failed.error) };
        let pause = failed.after.map_or(pause, |after| pause.max(after));
        let now = Instant::now();
        let patience = *self.patience.get_or_insert(now + PATIENCE);
        if now >= patience || now + pause >= self.deadline {
            return Err(failed.error);
        }
        self.patience = Some(patience + failed.after.unwrap_or_default());
        tracing::debug!(pause_ms = pause.as_millis(), "{}; trying again", failed.error);
        sleep(pause).await;
        Ok(())
    }

    /// Begins to count again, after progress.
    pub(super) fn refresh(&mut self) {
        *self = Self::until(self.deadline);
    }
}

/// The pause that `Retry-After` asks for.
fn retry_after(answer: &Response) -> Option<Duration> {
    let now = SystemTime::now();
    http::retry_at(answer.headers(), now)?.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overloaded(after: Option<u64>) -> Failed {
        let error = OciError::Unavailable { what: "r.io".to_owned(), status: 429 };
        Failed { error, status: Some(429), after: after.map(Duration::from_secs) }
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_says_how_long_to_wait_within_the_steps_time() {
        let begun = Instant::now();
        let mut tries = Tries::until(begun + Duration::from_secs(100));
        assert!(tries.wait(overloaded(Some(60))).await.is_ok());
        assert!(begun.elapsed() >= Duration::from_secs(60));
        assert!(tries.wait(overloaded(Some(60))).await.is_err());
        assert!(begun.elapsed() < Duration::from_secs(62), "a wait that ends too late does not begin");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_stays_away_is_given_up() {
        let begun = Instant::now();
        let mut tries = Tries::until(begun + Duration::from_secs(3600));
        let mut count = 1;
        while tries.wait(overloaded(None)).await.is_ok() {
            count += 1;
        }
        assert_eq!(count, MOST);
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
        tries.refresh();
        assert!(tries.wait(overloaded(None)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_silent_each_time_is_given_up_before_the_last_try() {
        let begun = Instant::now();
        let mut tries = Tries::until(begun + Duration::from_secs(3600));
        loop {
            sleep(Duration::from_secs(60)).await;
            if tries.wait(overloaded(None)).await.is_err() {
                break;
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(260), "{:?}", begun.elapsed());
    }
}
