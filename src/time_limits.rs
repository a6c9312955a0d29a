//! Time limits for peers: for a whole call, and for silence.
//!
//! TCP alone waits a quarter of an hour for the answer to sent data, and for ever if nothing was sent. So each
//! network call has a limit in this room ([`calls`]). A call that exceeds its limit ends with a [`Late`], which names
//! the peer and the limit, and may be retried. Below that, `socket` detects a peer that has lost power.

mod activity;
pub mod calls;
mod late;
pub(crate) mod pauses;
pub(crate) mod socket;

use std::fmt::Display;
use std::time::Duration;

use futures_util::TryFutureExt as _;
use tokio::time::{Instant, timeout, timeout_at};

pub(crate) use activity::PeerActivity;
pub use late::Late;
pub(crate) use late::find;

// These functions are not `async fn`: such a function stores its argument twice, as the argument and as the future that it awaits. A call
// in a retry in a call would then take eight times its size.

/// Runs `call`, which `peer` must complete within `limit`.
///
/// # Errors [`Late::Whole`].
pub fn within<T>(
    limit: Duration,
    peer: impl Display,
    call: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Late>> {
    timeout(limit, call).map_err(move |_| Late::Whole { peer: peer.to_string(), limit })
}

/// The same as [`within`], with a limit that began earlier and ends at `until`.
///
/// # Errors [`Late::Whole`].
pub fn until<T>(
    until: Instant,
    limit: Duration,
    peer: impl Display,
    call: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Late>> {
    timeout_at(until, call).map_err(move |_| Late::Whole { peer: peer.to_string(), limit })
}

/// Waits for the next message of `peer`, at most for `limit`.
///
/// # Errors [`Late::Silence`].
pub fn heard<T>(
    limit: Duration,
    peer: impl Display,
    next: impl Future<Output = T>,
) -> impl Future<Output = Result<T, Late>> {
    timeout(limit, next).map_err(move |_| Late::Silence { peer: peer.to_string(), limit })
}
