//! Messages to people and to other programs: chats (Slack, DingTalk, WeCom, Matrix) and webhooks (any, and n8n's).
//!
//! A message is written in the form of its channel (`encode`), within the channel's limits. Messages to one chat share a
//! `queue`: a chat takes some 20 messages a minute, so what arrives while it takes no more is sent as one digest, which names
//! each message. A webhook has no such limit. The address is a secret, so texts name its scheme, host and port only.

mod address;
mod answer;
mod channel;
mod encode;
mod error;
mod http;
mod layout;
mod markup;
mod message;
mod queue;
mod queues;
mod rate;
mod sign;
#[cfg(test)]
mod tests;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::http::Http;
use crate::time_limits::calls;
pub use address::{Destination, WebhookAddress};
pub use channel::Channel;
pub use error::NotifyError;
pub use message::{Failure, Message, Row, Status};
use queues::ChatQueues;

/// The settings of the client.
#[derive(Debug, Clone)]
pub struct NotifierOptions {
    /// PEM certificates that are trusted in addition to the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The limit for TCP and TLS.
    pub connect_timeout: Duration,
    /// The limit for one message and its answer.
    pub timeout: Duration,
}

impl Default for NotifierOptions {
    fn default() -> Self {
        Self { ca_bundle: None, connect_timeout: calls::CHAT_CONNECT.whole(), timeout: calls::CHAT.whole() }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// How many messages were sent as one, with this one.
    pub together: usize,
}

/// Sends the messages of one process. Cloning is cheap, and clones share the limits of the chats.
#[derive(Debug, Clone)]
pub struct Notifier {
    http: Arc<Http>,
    queues: Arc<ChatQueues>,
}

impl Notifier {
    /// Creates a client.
    ///
    /// # Errors [`NotifyError::Local`] if the CA bundle cannot be read or is not PEM.
    pub fn new(options: NotifierOptions) -> Result<Self, NotifyError> {
        Ok(Self { http: Arc::new(Http::new(options)?), queues: Arc::default() })
    }

    /// Sends `message`, and returns when it was taken. A chat that takes no more messages now is waited for. Dropping the future
    /// withdraws a message that waits.
    ///
    /// # Errors See [`NotifyError::fault`]. What is safe to repeat was already repeated.
    pub async fn deliver(
        &self,
        destination: Destination,
        message: Message,
    ) -> Result<Delivered, NotifyError> {
        if !destination.channel.is_chat() {
            self.http.post(&destination, &[message]).await?;
            return Ok(Delivered { together: 1 });
        }
        let at = destination.address.origin();
        let delivered = self.queues.push(&self.http, destination, message);
        let ended = || NotifyError::Unavailable { at, why: "the task that sends ended".to_owned() };
        delivered.await.map_err(|_| ended())?
    }
}
