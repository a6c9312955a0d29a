//! Tokens for the cache registry, signed here.
//!
//! Distribution's token authentication verifies a signature and asks nobody (`registry/auth/token` of distribution), and buildkitd
//! has its client fetch tokens. So the client itself signs them, for what one step may do there and for some minutes, and no
//! server hands out tokens. The realm in the registry's configuration is a name that nobody serves.

mod rights;
mod scope;
mod signer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use uuid::Uuid;

use super::auth::normalise;
use super::token::Token;
use super::{ImageRef, OciError};
pub use rights::CacheRights;
use scope::Grant;
pub use signer::BadSigningKey;
use signer::Signer;

/// The name of the signer in tokens (`REGISTRY_AUTH_TOKEN_ISSUER`).
const ISSUER: &str = "argo-buildkit";

/// The shortest life of a token, in seconds. buildkitd uses one of a second for ever: nine tenths of it, in whole seconds, are none
/// (`util/resolver/authorizer.go`).
const SHORTEST: u64 = 2;

/// The registry whose tokens are signed here, and what they are signed with.
#[derive(Debug, Clone)]
pub struct MintOptions {
    /// `HOST[:PORT]`, as steps name it. It is also the registry's `service`.
    pub registry: String,
    /// The private key: a PEM file with an ECDSA P-256 key in PKCS#8.
    pub key: PathBuf,
    /// The key's certificate, with those between it and one that the registry trusts (PEM file).
    pub certificate: PathBuf,
    /// How long a token lives: in whole seconds, two at least.
    pub lifetime: Duration,
}

/// What signs tokens for one registry.
#[derive(Debug)]
pub struct Mint {
    registry: String,
    service: String,
    signer: Signer,
    lifetime: Duration,
}

/// A token's claims (distribution `docs/content/spec/auth/jwt.md`).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    access: Vec<Grant>,
}

impl Mint {
    /// Reads the key once, so that a wrong one is told at the start. It is read again for each token, so that a renewed
    /// one is used.
    ///
    /// # Errors
    /// [`BadSigningKey`] names the file, and what is wrong with it.
    pub fn new(options: MintOptions) -> Result<Self, BadSigningKey> {
        let signer = Signer { key: options.key, certificate: options.certificate };
        signer.pair()?;
        let registry = normalise(&options.registry);
        Ok(Self { registry, service: options.registry, signer, lifetime: options.lifetime })
    }

    /// What a step of `namespace` may do at this registry that imports its cache from `from` and exports it to `to`.
    pub fn rights<'a>(
        self: &Arc<Self>,
        namespace: &str,
        from: impl IntoIterator<Item = &'a ImageRef>,
        to: Option<&'a ImageRef>,
    ) -> CacheRights {
        CacheRights::new(self.clone(), namespace, from, to)
    }

    /// Signs a token for `access`.
    fn token(&self, subject: &str, access: Vec<Grant>) -> Result<Token, OciError> {
        let now = jiff::Timestamp::now().as_second();
        let seconds = self.lifetime.as_secs().max(SHORTEST);
        let claims = Claims {
            iss: ISSUER,
            sub: subject,
            aud: &self.service,
            exp: now.saturating_add_unsigned(seconds),
            // The registry allows for a clock that is a minute off.
            nbf: now,
            iat: now,
            jti: Uuid::new_v4().to_string(),
            access,
        };
        let signed = self.signer.sign(&claims).map_err(|error| OciError::Withheld {
            registry: self.registry.clone(),
            why: error.to_string(),
            ours: true,
        })?;
        Ok(Token { value: SecretString::from(signed), lifetime: seconds })
    }
}

#[cfg(test)]
mod tests;
