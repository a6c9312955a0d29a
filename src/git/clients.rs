//! The HTTP clients of Git servers, each made when it is first used.
//!
//! A client for https reads and parses every root certificate of the machine: some ten milliseconds of each start,
//! and for nothing where the servers are asked over plain http.

use std::sync::OnceLock;

use reqwest::Certificate;

use super::GitOptions;
use super::error::GitError;
use crate::http::{Client, Network, Roots, Settings};

/// Variables that name a proxy for plain http (reqwest, `src/proxy.rs`).
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// A client per scheme.
#[derive(Debug)]
pub(super) struct Clients {
    options: GitOptions,
    /// Trusted besides the system's certificates.
    extra: Vec<Certificate>,
    plain: OnceLock<Client>,
    secure: OnceLock<Client>,
}

impl Clients {
    pub(super) fn new(options: GitOptions, extra: Vec<Certificate>) -> Self {
        Self { options, extra, plain: OnceLock::new(), secure: OnceLock::new() }
    }

    /// The client for a repository at `base`. Redirects never lead from one scheme to the other.
    pub(super) fn of(&self, base: &str) -> Result<Client, GitError> {
        let secure = !base.starts_with("http:") || PROXIES.iter().any(|name| names_https(name));
        let cell = if secure { &self.secure } else { &self.plain };
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        let roots = if secure { Roots::System(&self.extra) } else { Roots::Nobody };
        let client = Client::new(self.settings(), roots);
        let client = client.map_err(|e| GitError::local("set up the HTTP client", e))?;
        Ok(cell.get_or_init(|| client).clone())
    }

    fn settings(&self) -> Settings {
        Settings {
            // Servers tell Git clients from browsers by how the name begins.
            user_agent: Some(concat!("git/argo-buildkit-", env!("CARGO_PKG_VERSION"))),
            connect: self.options.connect_timeout,
            silence: self.options.read_timeout,
            // Each caller has a limit for all its requests together; a pack may take long to arrive.
            whole: None,
            redirects: true,
            network: Network::Cluster,
        }
    }
}

/// Whether the variable `name` holds a proxy that is itself spoken to over TLS.
fn names_https(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| value.starts_with("https:"))
}
