//! The HTTP client of forges, made when it is first used.

use std::path::Path;
use std::sync::OnceLock;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};

use super::ForgeOptions;
use super::error::ForgeError;

/// A client that most steps never need: making one reads and parses every root certificate of the machine.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) options: ForgeOptions,
    /// Trusted besides the system's certificates.
    extra: Vec<Certificate>,
    client: OnceLock<Client>,
}

impl Http {
    pub(super) fn new(options: ForgeOptions) -> Result<Self, ForgeError> {
        let extra = options.ca_bundle.as_deref().map(certificates).transpose()?.unwrap_or_default();
        Ok(Self { options, extra, client: OnceLock::new() })
    }

    pub(super) fn client(&self) -> Result<&Client, ForgeError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Fails only when another provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = self.builder().tls_certs_merge(self.extra.clone()).build().or_else(|error| {
            // An image without a CA store still has to reach the servers of the bundle's authorities.
            tracing::warn!(%error, "no system CA certificates: forges over https work with the CA bundle only");
            self.builder().tls_certs_only(self.extra.clone()).build()
        });
        let client = client.map_err(|e| ForgeError::local("set up the HTTP client", e))?;
        Ok(self.client.get_or_init(|| client))
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder()
            // GitHub answers nobody without a name.
            .user_agent(concat!("argo-buildkit/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.options.connect_timeout)
            .timeout(self.options.timeout)
            // Followed by hand: a token goes to one host only, and a POST must not become a GET.
            .redirect(Policy::none())
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, ForgeError> {
    let doing = || format!("read the CA bundle `{}`", path.display());
    let pem = std::fs::read(path).map_err(|e| ForgeError::local(doing(), e))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|e| ForgeError::local(doing(), e))?;
    if found.is_empty() { Err(ForgeError::local(doing(), "it holds no PEM certificate")) } else { Ok(found) }
}
