//! Signs tokens for the cache registry.
//!
//! Distribution's token authentication verifies a signature and makes no request (`registry/auth/token` of
//! distribution). buildkitd asks its client for tokens. So the client itself signs them, for the rights of one step
//! and for some minutes; there is no token server. The realm in the registry's configuration is a name that no server
//! has.

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

/// The issuer in the tokens (`REGISTRY_AUTH_TOKEN_ISSUER`).
const ISSUER: &str = "argo-buildkit";

/// The shortest lifetime of a token, in seconds. buildkitd renews a token after nine tenths of its lifetime, in whole
/// seconds. For one second that is zero, and buildkitd then uses the token for ever (`util/resolver/authorizer.go`).
const SHORTEST: u64 = 2;

/// The registry whose tokens we sign, and the key.
#[derive(Debug, Clone)]
pub struct IssuerOptions {
    /// `HOST[:PORT]`, as steps name it. It is also the registry's `service`.
    pub registry: String,
    /// The private key: a PEM file with an ECDSA P-256 key in PKCS#8.
    pub key: PathBuf,
    /// The key's certificate, with the intermediate certificates up to one that the registry trusts (PEM file).
    pub certificate: PathBuf,
    /// The lifetime of a token, in whole seconds, at least two.
    pub lifetime: Duration,
}

/// Signs tokens for one registry.
#[derive(Debug)]
pub struct TokenIssuer {
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

impl TokenIssuer {
    /// Reads the key, so that a wrong key is an error at startup. The key is read again for each token, so a renewed
    /// key is used without a restart.
    ///
    /// # Errors [`BadSigningKey`] names the file and says what is wrong with it.
    pub fn new(options: IssuerOptions) -> Result<Self, BadSigningKey> {
        let signer = Signer { key: options.key, certificate: options.certificate };
        signer.pair()?;
        let registry = normalise(&options.registry);
        Ok(Self { registry, service: options.registry, signer, lifetime: options.lifetime })
    }

    /// The rights at this registry of a step of `namespace` that imports its cache from `from` and exports it to
    /// `to`.
    pub fn rights<'a>(
        self: &Arc<Self>,
        namespace: &str,
        from: impl IntoIterator<Item = &'a ImageRef>,
        to: Option<&'a ImageRef>,
    ) -> CacheRights {
        CacheRights::new(self.clone(), namespace, from, to)
    }

    /// The rights at this registry of a step of `namespace` that reads the caches in the repository of `image`, and with `deletes`
    /// deletes some.
    pub fn cleanup_rights(self: &Arc<Self>, namespace: &str, image: &ImageRef, deletes: bool) -> CacheRights {
        CacheRights::of_cleanup(self.clone(), namespace, image, deletes)
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
            // The registry allows a clock difference of a minute.
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
