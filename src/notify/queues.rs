//! The queues of one process, by chat.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::http::Http;
use super::queue::{ChatQueue, DeliveryReceiver, send_waiting};
use super::{Destination, Message};

/// The queues. Steps share one if they have the same address and the same secrets, in whatever namespace they are: the chat counts
/// messages by its address.
#[derive(Debug, Default)]
pub(super) struct ChatQueues(Mutex<HashMap<[u8; 32], Arc<ChatQueue>>>);

impl ChatQueues {
    /// Adds `message` to the queue of `destination`.
    pub(super) fn push(
        &self,
        http: &Arc<Http>,
        destination: Destination,
        message: Message,
    ) -> DeliveryReceiver {
        let mut queues = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        queues.retain(|_, queue| queue.is_in_use());
        let queue = queues.entry(key(&destination)).or_insert_with(|| Arc::new(ChatQueue::new()));
        let (delivered, must_start) = queue.push(message);
        if must_start {
            let (queue, http, most) =
                (Arc::clone(queue), Arc::clone(http), destination.channel.most_together());
            let destination = Arc::new(destination);
            // The task ends when no message waits. It is in no step's span, because it sends for several.
            tokio::spawn(send_waiting(queue, most, move |messages| {
                let (http, destination) = (Arc::clone(&http), Arc::clone(&destination));
                async move { http.post(&destination, &messages).await }
            }));
        }
        delivered
    }
}

/// A hash of the address and the secrets.
fn key(destination: &Destination) -> [u8; 32] {
    let Destination { channel, address, signing_secret, token, room } = destination;
    let secrets = [signing_secret, token].map(|secret| secret.as_ref().map_or("", |s| s.expose_secret()));
    let parts =
        [channel.name(), address.url().as_str(), secrets[0], secrets[1], room.as_deref().unwrap_or("")];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
