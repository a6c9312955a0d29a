//! The HTTP clients for Git servers. Each is made when it is first used.
//!
//! A client for https reads and parses all root certificates of the machine. This takes some ten milliseconds of each
//! start, and is not needed where servers use plain http.

use std::sync::OnceLock;

use reqwest::Certificate;

use super::GitOptions;
use super::error::GitError;
use crate::http::{Client, Network, Roots, Settings};

/// The environment variables that name a proxy for plain http (reqwest, `src/proxy.rs`).
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

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
        let secure = !base.starts_with("http:") || PROXIES.iter().any(|name| names_https(name));
        let cell = if secure { &self.secure } else { &self.plain };
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        let roots = if secure { Roots::System(&self.extra) } else { Roots::None };
        let client = Client::new(self.settings(), roots);
        let client = client.map_err(|e| GitError::local("set up the HTTP client", e))?;
        Ok(cell.get_or_init(|| client).clone())
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

/// Whether the variable `name` holds a proxy that is itself reached over TLS.
fn names_https(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| value.starts_with("https:"))
}
