//! The messages that wait for one chat. What waits when the chat takes a message again is sent as one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::rate::Pace;
use super::{Delivered, Message, NotifyError};

/// How long a message waits for a chat that takes no more. DingTalk refuses messages for ten minutes after too many.
const PATIENCE: Duration = Duration::from_secs(11 * 60);
/// The pause if the chat does not say how long; and the longest pause.
const PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Receives what became of a message.
pub(super) type DeliveryReceiver = oneshot::Receiver<Result<Delivered, NotifyError>>;

/// A message that waits.
struct Waiting {
    message: Message,
    since: Instant,
    reply: oneshot::Sender<Result<Delivered, NotifyError>>,
}

/// The messages for one chat.
#[derive(Debug)]
pub(super) struct ChatQueue(Mutex<QueueState>);

struct QueueState {
    waiting: VecDeque<Waiting>,
    pace: Pace,
    /// The chat takes nothing before this time.
    paused_until: Instant,
    /// Whether a task runs [`send_waiting`] for the queue.
    has_task: bool,
}

impl std::fmt::Debug for QueueState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueueState").field("waiting", &self.waiting.len()).field("pace", &self.pace).finish()
    }
}

impl ChatQueue {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let pace = Pace::new(now);
        Self(Mutex::new(QueueState { waiting: VecDeque::new(), pace, paused_until: now, has_task: false }))
    }

    /// Adds `message`. The second value says whether the caller must start [`send_waiting`].
    pub(super) fn push(&self, message: Message) -> (DeliveryReceiver, bool) {
        let (reply, delivered) = oneshot::channel();
        let mut state = self.state();
        state.waiting.push_back(Waiting { message, since: Instant::now(), reply });
        let must_start = !std::mem::replace(&mut state.has_task, true);
        (delivered, must_start)
    }

    /// Whether the queue has messages, or must remember how many it has sent.
    pub(super) fn is_in_use(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        state.has_task || now < state.paused_until || !state.pace.is_full(now)
    }

    /// When the next message may be sent. `None` if no message waits; then the task ends.
    fn next_turn(&self) -> Option<Instant> {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.reply.is_closed());
        if state.waiting.is_empty() {
            state.has_task = false;
            return None;
        }
        let paused_until = state.paused_until;
        Some(state.pace.next(Instant::now()).max(paused_until))
    }

    /// The messages that are sent as one, at most `most`. Empty if all were withdrawn.
    fn take(&self, most: usize) -> Vec<Waiting> {
        let mut state = self.state();
        state.waiting.retain(|waiting| !waiting.reply.is_closed());
        let count = state.waiting.len().min(most);
        if count > 0 {
            state.pace.take(Instant::now());
        }
        state.waiting.drain(..count).collect()
    }

    /// Replies with what became of the messages in `batch`. Those that the chat takes later wait again.
    fn settle(&self, batch: Vec<Waiting>, sent: &Result<(), NotifyError>) {
        let together = batch.len();
        let now = Instant::now();
        let pause = match sent {
            Err(NotifyError::Limited { pause, .. }) => Some(pause.unwrap_or(PAUSE).min(LONGEST_PAUSE)),
            _ => None,
        };
        let mut state = self.state();
        if let Some(pause) = pause {
            state.paused_until = now + pause;
        }
        for waiting in batch.into_iter().rev() {
            if pause.is_some_and(|pause| now + pause <= waiting.since + PATIENCE) {
                state.waiting.push_front(waiting);
            } else {
                // This fails only if the message was withdrawn.
                let _ = waiting.reply.send(sent.clone().map(|()| Delivered { together }));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Sends the messages of `queue` with `send`, at most `most` as one, until none waits.
pub(super) async fn send_waiting<F>(queue: Arc<ChatQueue>, most: usize, send: impl Fn(Vec<Message>) -> F)
where
    F: Future<Output = Result<(), NotifyError>>,
{
    while let Some(turn) = queue.next_turn() {
        sleep_until(turn).await;
        let batch = queue.take(most);
        if batch.is_empty() {
            continue;
        }
        let sent = send(batch.iter().map(|waiting| waiting.message.clone()).collect()).await;
        queue.settle(batch, &sent);
    }
}
