//! Tries a request again while its error may pass.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBackoff};
use reqwest::Response;
use tokio::time::{Instant, sleep};

use super::super::OciError;
use super::super::repository::ImageRepository;
use super::manifest::Content;
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

/// How often a blob begins again because its upload was lost.
const RESTARTS: usize = 20;
/// How often in a row it begins again without getting farther than before. A registry whose disk is full refuses the end
/// each time.
const STUCK: usize = 3;

/// A request that failed.
pub(in crate::oci) struct Failed {
    pub(in crate::oci) error: OciError,
    /// The HTTP status, if there was an answer.
    pub(in crate::oci) status: Option<u16>,
    /// The pause that the server asks for.
    after: Option<Duration>,
}

impl Failed {
    /// The failure that `answer` states.
    pub(in crate::oci) async fn of(repository: &ImageRepository<'_>, answer: Response) -> Self {
        let (status, after) = (Some(answer.status().as_u16()), retry_after(&answer));
        Self { error: repository.error(answer).await, status, after }
    }

    /// The same failure, which says that it is about `blob`.
    pub(super) fn about(self, blob: &Content) -> Self {
        Self { error: self.error.about(&format!("blob {}", blob.digest)), ..self }
    }

    /// A step that was stopped may run again, but tries nothing again itself.
    pub(super) fn may_pass(&self) -> bool {
        self.error.fault() == Fault::Transient && !matches!(self.error, OciError::Stopped { .. })
    }
}

impl From<OciError> for Failed {
    fn from(error: OciError) -> Self {
        Self { error, status: None, after: None }
    }
}

/// The tries of one request, or of one blob as long as it makes progress.
pub(in crate::oci) struct Tries {
    deadline: Instant,
    pauses: ExponentialBackoff,
    /// When [`PATIENCE`] ends, once there was a failure.
    patience: Option<Instant>,
}

impl Tries {
    /// No try begins after `deadline`.
    pub(in crate::oci) fn until(deadline: Instant) -> Self {
        let [shortest, longest] = PAUSES;
        let pauses = pauses::growing(shortest, longest).with_max_times(MOST - 1).build();
        Self { deadline, pauses, patience: None }
    }

    /// Waits before another try.
    ///
    /// # Errors The error of `failed`, if it will not pass, or not in time.
    pub(in crate::oci) async fn wait(&mut self, failed: impl Into<Failed>) -> Result<(), OciError> {
        let failed = failed.into();
        if !failed.may_pass() {
            return Err(failed.error);
        }
        self.wait_anyway(failed).await
    }

    /// The same for an error that passes although it does not look so.
    pub(super) async fn wait_anyway(&mut self, failed: Failed) -> Result<(), OciError> {
        if self.pause(&failed).await { Ok(()) } else { Err(failed.error) }
    }

    /// Waits before another try, whatever failed. False if there is no other try.
    pub(super) async fn pause(&mut self, failed: &Failed) -> bool {
        let Some(pause) = self.pauses.next() else { return false };
        let now = Instant::now();
        let patience = *self.patience.get_or_insert(now + PATIENCE);
        if now >= patience {
            return false;
        }
        self.patience = Some(patience + failed.after.unwrap_or_default());
        wait(pause, failed, self.deadline).await
    }

    /// Begins to count again, after progress.
    pub(in crate::oci) fn refresh(&mut self) {
        *self = Self::until(self.deadline);
    }
}

/// Waits for `pause`, or longer if the server asks for it. False, and no wait, if that ends after `deadline`.
async fn wait(pause: Duration, failed: &Failed, deadline: Instant) -> bool {
    let pause = failed.after.map_or(pause, |after| pause.max(after));
    if Instant::now() + pause >= deadline {
        return false;
    }
    tracing::debug!(pause_ms = pause.as_millis(), "{}; trying again", failed.error);
    sleep(pause).await;
    true
}

/// The uploads of one blob. A blob begins again because its upload was lost, however long that upload took.
pub(super) struct Restarts {
    deadline: Instant,
    left: usize,
    /// How often in a row an upload got no farther than those before.
    stuck: usize,
    pauses: ExponentialBackoff,
}

impl Restarts {
    /// No upload begins after `deadline`.
    pub(super) fn until(deadline: Instant) -> Self {
        Self { deadline, left: RESTARTS, stuck: 0, pauses: restart_pauses() }
    }

    /// Waits before the next upload. `is_farther` says whether the lost one got farther than those before.
    ///
    /// # Errors `lost`, if no other upload begins.
    pub(super) async fn wait(&mut self, lost: Failed, is_farther: bool) -> Result<(), Failed> {
        if is_farther {
            (self.stuck, self.pauses) = (0, restart_pauses());
        } else {
            self.stuck += 1;
        }
        let pause = self.pauses.next().filter(|_| self.left > 0 && self.stuck < STUCK);
        let Some(pause) = pause else { return Err(lost) };
        self.left -= 1;
        if wait(pause, &lost, self.deadline).await { Ok(()) } else { Err(lost) }
    }
}

fn restart_pauses() -> ExponentialBackoff {
    let [shortest, longest] = PAUSES;
    pauses::endless(shortest, longest)
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
        let error = OciError::Unavailable { what: "r.io".to_owned(), status: 429, reason: None };
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
    async fn a_large_blob_begins_again_as_often_as_a_small_one() {
        for minutes in [0, 15] {
            let mut restarts = Restarts::until(Instant::now() + Duration::from_secs(24 * 3600));
            let mut uploads = 1;
            while restarts.wait(overloaded(None), uploads == 1).await.is_ok() {
                uploads += 1;
                sleep(Duration::from_secs(60 * minutes)).await;
            }
            assert_eq!(uploads, 1 + STUCK, "{minutes}");
        }
        let mut restarts = Restarts::until(Instant::now() + Duration::from_secs(24 * 3600));
        let mut uploads = 1;
        while restarts.wait(overloaded(None), true).await.is_ok() {
            uploads += 1;
        }
        assert_eq!(uploads, 1 + RESTARTS);
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
