//! The settings of a client.

use std::time::Duration;

use super::address::Network;

/// How a client talks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Its name for itself; none sends none.
    pub(crate) user_agent: Option<&'static str>,
    /// The limit for TCP and TLS.
    pub(crate) connect: Duration,
    /// The longest silence of a server.
    pub(crate) silence: Duration,
    /// The limit for a request and its answer; without one the caller has it.
    pub(crate) whole: Option<Duration>,
    /// Whether redirects within one origin are followed; others never are.
    pub(crate) redirects: bool,
    /// Which addresses it goes to.
    pub(crate) network: Network,
}
