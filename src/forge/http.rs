//! The HTTP client for forges. It is made when it is first used.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Certificate;

use super::ForgeOptions;
use super::error::ForgeError;
use crate::http::{self, Client, Network, Roots, Settings};
use crate::time_limits::calls;

/// The longest silence of a forge. Its hooks and checks run before it answers.
const SILENCE: Duration = calls::FORGE.silence();

/// The HTTP client, made lazily: most steps do not need it, and making one parses every root certificate of the
/// machine.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) options: ForgeOptions,
    /// These are trusted in addition to the system's certificates.
    extra: Vec<Certificate>,
    client: OnceLock<Client>,
}

impl Http {
    pub(super) fn new(options: ForgeOptions) -> Result<Self, ForgeError> {
        let extra = match &options.ca_bundle {
            Some(path) => http::certificates(path)
                .map_err(|e| ForgeError::local(format!("read the CA bundle `{}`", path.display()), e))?,
            None => Vec::new(),
        };
        Ok(Self { options, extra, client: OnceLock::new() })
    }

    pub(super) fn client(&self) -> Result<&Client, ForgeError> {
        let make = || Client::new(self.settings(), Roots::System(&self.extra));
        Client::once(&self.client, || make().map_err(|e| ForgeError::local("set up the HTTP client", e)))
    }

    fn settings(&self) -> Settings {
        Settings {
            // GitHub refuses requests without a user agent.
            user_agent: Some(concat!("argo-buildkit/", env!("CARGO_PKG_VERSION"))),
            connect: self.options.connect_timeout,
            silence: self.options.timeout.min(SILENCE),
            whole: Some(self.options.timeout),
            // `ForgeClient` follows redirects itself, because a POST must not become a GET.
            redirects: false,
            network: Network::Cluster,
        }
    }
}
