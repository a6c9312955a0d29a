//! How long a peer may take: for the whole of a call, and between two signs of life.
//!
//! TCP alone waits a quarter of an hour for an answer to what was sent, and for ever where nothing was. So each call over a
//! network has a limit of this room ([`calls`]), and what is given up is a [`Late`]: it names the peer and the limit, and may be
//! tried again. A peer that loses power is noticed below that, by `socket`.

pub mod calls;
mod late;
pub(crate) mod pauses;
mod pulse;
pub(crate) mod socket;

use std::fmt::Display;
use std::time::Duration;

use futures_util::TryFutureExt as _;
use tokio::time::{Instant, timeout, timeout_at};

pub use late::Late;
pub(crate) use late::find;
pub(crate) use pulse::Pulse;

// These are no `async fn`: such a function keeps its argument twice, as the argument and as what it awaits, and a call within
// a retry within a call then takes eight times its size for each job.

/// What `call` gives, if `peer` needs no longer than `limit` for the whole of it.
///
/// # Errors
/// [`Late::Whole`].
pub fn within<T>(
    limit: Duration,
    peer: impl Display,
    call: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Late>> {
    timeout(limit, call).map_err(move |_| Late::Whole { peer: peer.to_string(), limit })
}

/// [`within`], where `limit` began earlier and ends at `until`.
///
/// # Errors
/// [`Late::Whole`].
pub fn until<T>(
    until: Instant,
    limit: Duration,
    peer: impl Display,
    call: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Late>> {
    timeout_at(until, call).map_err(move |_| Late::Whole { peer: peer.to_string(), limit })
}

/// The next word of `peer`, if it is not silent for `limit`.
///
/// # Errors
/// [`Late::Silence`].
pub fn heard<T>(
    limit: Duration,
    peer: impl Display,
    next: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Late>> {
    timeout(limit, next).map_err(move |_| Late::Silence { peer: peer.to_string(), limit })
}
