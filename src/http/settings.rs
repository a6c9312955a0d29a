//! The settings of a client.

use std::time::Duration;

use super::address::Network;

/// The settings of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// The user agent; `None` sends none.
    pub(crate) user_agent: Option<&'static str>,
    /// The limit for TCP and TLS.
    pub(crate) connect: Duration,
    /// The longest silence of a server.
    pub(crate) silence: Duration,
    /// The limit for a request and its answer. If it is `None`, the caller sets a limit.
    pub(crate) whole: Option<Duration>,
    /// Whether redirects within one origin are followed. Other redirects never are.
    pub(crate) redirects: bool,
    /// The allowed addresses.
    pub(crate) network: Network,
}
