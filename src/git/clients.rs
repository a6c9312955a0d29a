//! The HTTP clients for Git servers. Each is made when it is first used.
//!
//! A client for https reads and parses all root certificates of the machine. This takes some ten milliseconds of each
//! start, and is not needed where servers use plain http.

use std::sync::OnceLock;

use reqwest::Certificate;

use super::GitOptions;
use super::error::GitError;
use crate::http::{self, Client, Network, Roots, Settings};

/// One client for each scheme.
#[derive(Debug)]
pub(super) struct Clients {
    options: GitOptions,
    /// Certificates that are trusted in addition to the system's.
    extra: Vec<Certificate>,
    plain: OnceLock<Client>,
    secure: OnceLock<Client>,
}

impl Clients {
    pub(super) fn new(options: GitOptions, extra: Vec<Certificate>) -> Self {
        Self { options, extra, plain: OnceLock::new(), secure: OnceLock::new() }
    }

    /// The client for a repository at `base`. Redirects never change the scheme.
    pub(super) fn of(&self, base: &str) -> Result<Client, GitError> {
        let secure = !base.starts_with("http:") || http::plain_http_needs_roots();
        let (cell, roots) = match secure {
            true => (&self.secure, Roots::System(&self.extra)),
            false => (&self.plain, Roots::None),
        };
        let make = || Client::new(self.settings(), roots);
        Client::once(cell, || make().map_err(|e| GitError::local("set up the HTTP client", e))).cloned()
    }

    fn settings(&self) -> Settings {
        Settings {
            // Servers recognise Git clients by how the user agent begins.
            user_agent: Some(concat!("git/argo-buildkit-", env!("CARGO_PKG_VERSION"))),
            connect: self.options.connect_timeout,
            silence: self.options.read_timeout,
            // Each caller limits the time of all its requests together; a pack may take long to arrive.
            whole: None,
            redirects: true,
            network: Network::Cluster,
        }
    }
}
