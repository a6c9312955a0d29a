//! The HTTP clients of registries and token servers. Each is made when it is first used.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::auth::normalise;
use super::plain_http::{PlainHttpHosts, is_loopback};
use super::{OciError, TokenServers};
use crate::http::{self, Client, Network, Roots, Settings};
use crate::time_limits::calls;

/// The time limits of requests to a registry or a token server.
#[derive(Debug, Clone, Copy)]
pub struct RegistryTimeLimits {
    /// The limit for TCP and TLS.
    pub connect: Duration,
    /// The longest silence. A registry may need some time to process a complete upload.
    pub silence: Duration,
    /// The limit for a request and its answer: longer than a slow token server takes, and shorter than BuildKit's own
    /// 60 s (`session/auth/auth.go`).
    pub whole: Duration,
}

/// How many times longer a piece of a blob may take than another request, and how much longer a registry may be silent: it
/// writes a complete blob to its storage.
const BLOB_WHOLE: u32 = ratio(calls::REGISTRY_BLOB.whole(), calls::REGISTRY.whole());
const BLOB_SILENCE: u32 = ratio(calls::REGISTRY_BLOB.silence(), calls::REGISTRY.silence());

const fn ratio(longer: Duration, shorter: Duration) -> u32 {
    (longer.as_secs() / shorter.as_secs()) as u32
}

impl Default for RegistryTimeLimits {
    fn default() -> Self {
        let (silence, whole) = (calls::REGISTRY.silence(), calls::REGISTRY.whole());
        Self { connect: calls::REGISTRY_CONNECT.whole(), silence, whole }
    }
}

/// HTTP clients that are made when they are first used. Making one parses every root certificate of the machine, and
/// some processes need no client (a build from scratch that pushes nothing).
#[derive(Debug, Clone, Default)]
pub struct LazyClient {
    ca_bundle: Option<PathBuf>,
    limits: RegistryTimeLimits,
    token_servers: Arc<TokenServers>,
    mirrored: Arc<BTreeSet<String>>,
    insecure: Arc<BTreeSet<String>>,
    cluster: Arc<OnceLock<Client>>,
    public: Arc<OnceLock<Client>>,
    unverified: Arc<OnceLock<Client>>,
    without_tls: Arc<OnceLock<Client>>,
    pub(super) plain: PlainHttpHosts,
}

impl LazyClient {
    /// Clients that trust the certificates in the PEM file `ca_bundle` and those of the machine.
    pub fn new(ca_bundle: Option<PathBuf>) -> Self {
        Self { ca_bundle, ..Self::default() }
    }

    /// The same, with the token servers that tokens may be fetched from.
    #[must_use]
    pub fn with_token_servers(self, token_servers: TokenServers) -> Self {
        Self { token_servers: Arc::new(token_servers), ..self }
    }

    /// The same, with `registries` (`host[:port]`) that the daemon reads from a mirror. They are not asked whether a
    /// build may read their images.
    #[must_use]
    pub fn with_mirrored(self, registries: impl IntoIterator<Item = String>) -> Self {
        Self { mirrored: hosts(registries), ..self }
    }

    /// The same, with `registries` (`host[:port]`) that may get a login for pulls over plain http.
    #[must_use]
    pub fn with_insecure(self, registries: impl IntoIterator<Item = String>) -> Self {
        Self { insecure: hosts(registries), ..self }
    }

    pub(super) fn mirrored(&self) -> &BTreeSet<String> {
        &self.mirrored
    }

    pub(super) fn insecure(&self) -> &BTreeSet<String> {
        &self.insecure
    }

    /// The same, with other time limits.
    #[must_use]
    pub fn with_limits(self, limits: RegistryTimeLimits) -> Self {
        let Self { ca_bundle, token_servers, mirrored, insecure, plain, .. } = self;
        Self { ca_bundle, limits, token_servers, mirrored, insecure, plain, ..Self::default() }
    }

    /// The same with the limits for copies of blobs.
    pub(super) fn for_blobs(&self) -> Self {
        let RegistryTimeLimits { connect, silence, whole } = self.limits;
        let (silence, whole) = (silence * BLOB_SILENCE, whole * BLOB_WHOLE);
        self.clone().with_limits(RegistryTimeLimits { connect, silence, whole })
    }

    pub(super) fn token_servers(&self) -> &TokenServers {
        &self.token_servers
    }

    /// The client for registries.
    ///
    /// # Errors The CA bundle cannot be read.
    pub(crate) fn get(&self) -> Result<&Client, OciError> {
        self.reaching(Network::Cluster)
    }

    /// The client for servers in `network`.
    pub(super) fn reaching(&self, network: Network) -> Result<&Client, OciError> {
        let cell = match network {
            Network::Cluster => &self.cluster,
            Network::Public => &self.public,
        };
        Client::once(cell, || self.make(network))
    }

    /// The client for a registry that the step declares insecure. It accepts any certificate.
    pub(crate) fn unverified(&self) -> Result<&Client, OciError> {
        self.with_roots(&self.unverified, Roots::AcceptAny)
    }

    /// The client for plain http. It trusts no certificate, so that none is read, unless its proxy needs them.
    pub(super) fn without_tls(&self) -> Result<&Client, OciError> {
        match http::plain_http_needs_roots() {
            true => self.get(),
            false => self.with_roots(&self.without_tls, Roots::None),
        }
    }

    fn with_roots<'a>(
        &self,
        cell: &'a OnceLock<Client>,
        roots: Roots<'static>,
    ) -> Result<&'a Client, OciError> {
        Client::once(cell, || Client::new(self.settings(Network::Cluster), roots).map_err(unmade))
    }

    /// Makes the client for `registries` on another thread, unless it exists. The first request then need not wait until the
    /// machine's root certificates are read.
    pub(crate) fn prepare<'a>(&self, mut registries: impl Iterator<Item = &'a str>) {
        if self.cluster.get().is_none() && registries.any(|registry| !is_loopback(registry)) {
            let clients = self.clone();
            tokio::task::spawn_blocking(move || {
                // The request that needs the client reports the error.
                let _ = clients.get();
            });
        }
    }

    fn make(&self, network: Network) -> Result<Client, OciError> {
        let extra = match &self.ca_bundle {
            Some(path) => http::certificates(path).map_err(|e| OciError::Setting {
                what: format!("the CA bundle {}", path.display()),
                why: e.to_string(),
            })?,
            None => Vec::new(),
        };
        Client::new(self.settings(network), Roots::System(&extra)).map_err(unmade)
    }

    fn settings(&self, network: Network) -> Settings {
        Settings {
            user_agent: None,
            connect: self.limits.connect,
            silence: self.limits.silence,
            whole: Some(self.limits.whole),
            redirects: true,
            network,
        }
    }
}

fn unmade(error: reqwest::Error) -> OciError {
    OciError::from_send("the HTTP client".to_owned(), error.into())
}

fn hosts(registries: impl IntoIterator<Item = String>) -> Arc<BTreeSet<String>> {
    Arc::new(registries.into_iter().map(|host| normalise(&host)).collect())
}
