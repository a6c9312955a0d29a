//! How long a request and its answer may take, and which limit was passed where they took longer: reqwest does not say.

use reqwest::{Error, Response};
use tokio::time::Instant;

use super::settings::Settings;
use crate::time_limits::Late;

/// The limits of one request, from when it was sent.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    sent: Instant,
    /// The server, for messages.
    peer: String,
    settings: Settings,
}

impl Clock {
    /// Begins to count.
    pub(super) fn start(request: &reqwest::Request, settings: &Settings) -> Self {
        let whole = request.timeout().copied().or(settings.whole);
        let settings = Settings { whole, ..*settings };
        Self { sent: Instant::now(), peer: super::origin(request.url()), settings }
    }

    /// The clock of the request that `answer` is for.
    pub(super) fn of(answer: &Response) -> Option<Self> {
        answer.extensions().get::<Self>().cloned()
    }

    /// The limit that was passed, if that is what ended the request.
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
