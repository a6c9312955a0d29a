//! Measures the time of a request, to find out which limit was exceeded. reqwest does not tell.

use reqwest::{Error, Response};
use tokio::time::Instant;

use super::settings::Settings;
use crate::time_limits::{self, Late, PeerActivity};

/// The time limits of one request, and the time when it was sent.
#[derive(Debug, Clone)]
pub(super) struct RequestTimer {
    sent: Instant,
    /// The server, for messages.
    peer: String,
    settings: Settings,
}

impl RequestTimer {
    /// Starts the timer.
    pub(super) fn start(request: &reqwest::Request, settings: &Settings) -> Self {
        let whole = request.timeout().copied().or(settings.whole);
        let settings = Settings { whole, ..*settings };
        Self { sent: Instant::now(), peer: super::origin(request.url()), settings }
    }

    /// The timer of the request that `answer` belongs to.
    pub(super) fn of(answer: &Response) -> Option<Self> {
        answer.extensions().get::<Self>().cloned()
    }

    /// Waits for `answer`, while the server shows by `activity` that it takes the request.
    ///
    /// # Errors [`Late::Silence`].
    pub(super) async fn heard<T>(
        &self,
        activity: &PeerActivity,
        answer: impl Future<Output = T>,
    ) -> Result<T, Late> {
        tokio::select! {
            biased;
            answer = answer => Ok(answer),
            late = activity.stopped(self.settings.silence, &self.peer) => Err(late),
        }
    }

    /// Waits for the `next` part of the answer.
    ///
    /// # Errors [`Late::Silence`].
    pub(super) async fn next<T>(&self, next: impl Future<Output = T>) -> Result<T, Late> {
        time_limits::heard(self.settings.silence, &self.peer, next).await
    }

    /// The limit that was exceeded, if `error` is a time-out.
    pub(super) fn late(&self, error: &Error) -> Option<Late> {
        let (peer, elapsed) = (self.peer.clone(), self.sent.elapsed());
        let Settings { connect, silence, whole, .. } = self.settings;
        match whole {
            _ if !error.is_timeout() => None,
            Some(limit) if elapsed >= limit => Some(Late::Whole { peer, limit }),
            _ if error.is_connect() => Some(Late::Whole { peer, limit: connect }),
            _ => Some(Late::Silence { peer, limit: silence }),
        }
    }
}
