//! The HTTP client of registries and token servers, made when it is first used.

use std::sync::{Arc, OnceLock};

use super::{OciError, token};

/// A client that most builds never need: registries without a login are spoken to by the daemon alone, and
/// making one reads and parses every root certificate of the machine.
#[derive(Debug, Clone, Default)]
pub struct LazyClient(Arc<OnceLock<reqwest::Client>>);

impl LazyClient {
    /// The client; fails when the machine's root certificates cannot be read.
    pub fn get(&self) -> Result<&reqwest::Client, OciError> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = token::client()?;
        Ok(self.0.get_or_init(|| client))
    }
}
