//! Signs JSON web tokens with ECDSA P-256 (JWS `ES256`, RFC 7515 and RFC 7518).
//!
//! ring makes the signatures. The crates for whole tokens need another cryptography library, and we only sign, with
//! one algorithm.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::Serialize;

/// The key or its certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign tokens for the cache registry with {}: {why}; make the pair anew (docs/agent.md)", path.display())]
pub struct BadSigningKey {
    path: PathBuf,
    why: String,
}

/// A key and its certificate, in PEM files.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) key: PathBuf,
    pub(super) certificate: PathBuf,
}

/// The header of a token. The registry finds the key by `x5c`: the certificates, of which it trusts the last or its
/// issuer. `kid` is not used, because distribution 2 and 3 compute it differently.
#[derive(Serialize)]
struct Header {
    typ: &'static str,
    alg: &'static str,
    x5c: Vec<String>,
}

impl Signer {
    /// Reads the key and the certificates from their files.
    pub(super) fn pair(&self) -> Result<(EcdsaKeyPair, Vec<String>), BadSigningKey> {
        let bad =
            |path: &Path, why: &dyn ToString| BadSigningKey { path: path.to_owned(), why: why.to_string() };
        let key = PrivatePkcs8KeyDer::from_pem_file(&self.key)
            .map_err(|e| bad(&self.key, &format!("{e}; it must be an ECDSA P-256 key in PKCS#8 (PEM)")))?;
        let random = SystemRandom::new();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der(), &random)
                .map_err(|e| {
                    bad(&self.key, &format!("{e}; it must be an ECDSA P-256 key in PKCS#8 (PEM)"))
                })?;
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| bad(&self.certificate, &e))?;
        match chain.first() {
            None => Err(bad(&self.certificate, &"there is no certificate in it")),
            Some(leaf) if !holds(leaf, pair.public_key().as_ref()) => Err(bad(
                &self.certificate,
                &format!("its first certificate is not that of the key in {}", self.key.display()),
            )),
            Some(_) => Ok((pair, chain.iter().map(|der| STANDARD.encode(der)).collect())),
        }
    }

    /// Signs `claims`, and returns the token.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, BadSigningKey> {
        let (pair, x5c) = self.pair()?;
        let bad = |why: String| BadSigningKey { path: self.key.clone(), why };
        let part = |json: serde_json::Result<Vec<u8>>| {
            json.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(|e| bad(e.to_string()))
        };
        let header = Header { typ: "JWT", alg: "ES256", x5c };
        let message = format!("{}.{}", part(serde_json::to_vec(&header))?, part(serde_json::to_vec(claims))?);
        let signature = pair
            .sign(&SystemRandom::new(), message.as_bytes())
            .map_err(|_| bad("the system has no randomness".to_owned()))?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Whether `certificate` belongs to the key with the public point `key`: a certificate contains this point as it is.
fn holds(certificate: &[u8], key: &[u8]) -> bool {
    certificate.windows(key.len()).any(|window| window == key)
}
