//! The HTTP clients of registries and token servers, each made when it is first used.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{OciError, TokenServers};
use crate::http::{self, Client, Reach, Roots, Settings};
use crate::time_limits::calls;

/// How long a registry or a token server may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For TCP and TLS.
    pub connect: Duration,
    /// The longest silence. A registry may think for a while about an upload that is complete.
    pub silence: Duration,
    /// For a request and its answer: longer than a slow token server, shorter than BuildKit's own 60 s
    /// (`session/auth/auth.go`).
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (silence, whole) = (calls::REGISTRY.silence(), calls::REGISTRY.whole());
        Self { connect: calls::REGISTRY_CONNECT.whole(), silence, whole }
    }
}

/// Clients that most builds never need: registries without a login are spoken to by the daemon alone, and
/// making one reads and parses every root certificate of the machine.
#[derive(Debug, Clone, Default)]
pub struct LazyClient {
    ca_bundle: Option<PathBuf>,
    limits: Limits,
    token_servers: Arc<TokenServers>,
    cluster: Arc<OnceLock<Client>>,
    public: Arc<OnceLock<Client>>,
}

impl LazyClient {
    /// Clients that trust the certificates in the PEM file `ca_bundle` besides the machine's.
    pub fn new(ca_bundle: Option<PathBuf>) -> Self {
        Self { ca_bundle, ..Self::default() }
    }

    /// The same, with `token_servers` as those that tokens are fetched from.
    #[must_use]
    pub fn with_token_servers(self, token_servers: TokenServers) -> Self {
        Self { token_servers: Arc::new(token_servers), ..self }
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, cluster: Arc::default(), public: Arc::default(), ..self }
    }

    pub(super) fn token_servers(&self) -> &TokenServers {
        &self.token_servers
    }

    /// The client for registries; fails when the CA bundle cannot be read.
    pub(crate) fn get(&self) -> Result<&Client, OciError> {
        self.reaching(Reach::Cluster)
    }

    /// The client that goes as far as `reach` says.
    pub(super) fn reaching(&self, reach: Reach) -> Result<&Client, OciError> {
        let cell = match reach {
            Reach::Cluster => &self.cluster,
            Reach::Public => &self.public,
        };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = self.make(reach)?;
        Ok(cell.get_or_init(|| client))
    }

    fn make(&self, reach: Reach) -> Result<Client, OciError> {
        let extra = match &self.ca_bundle {
            Some(path) => http::certificates(path).map_err(|e| OciError::Unexpected {
                what: format!("the CA bundle {}", path.display()),
                why: e.to_string(),
            })?,
            None => Vec::new(),
        };
        let settings = Settings {
            user_agent: None,
            connect: self.limits.connect,
            silence: self.limits.silence,
            whole: Some(self.limits.whole),
            redirects: true,
            reach,
        };
        let client = Client::new(settings, Roots::System(&extra));
        client.map_err(|e| OciError::from_send("the HTTP client".to_owned(), e.into()))
    }
}
