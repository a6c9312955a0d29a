//! The HTTP client of registries and token servers, made when it is first used.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::{OciError, token};

/// A client that most builds never need: registries without a login are spoken to by the daemon alone, and
/// making one reads and parses every root certificate of the machine.
#[derive(Debug, Clone, Default)]
pub struct LazyClient {
    ca_bundle: Option<PathBuf>,
    client: Arc<OnceLock<reqwest::Client>>,
}

impl LazyClient {
    /// A client that trusts the certificates in the PEM file `ca_bundle` besides the machine's.
    pub fn new(ca_bundle: Option<PathBuf>) -> Self {
        Self { ca_bundle, client: Arc::default() }
    }

    /// The client; fails when the root certificates cannot be read.
    pub fn get(&self) -> Result<&reqwest::Client, OciError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = token::client(self.ca_bundle.as_deref())?;
        Ok(self.client.get_or_init(|| client))
    }
}
