//! The certificates of a mutual TLS connection, from files or from a callback. They are read at every connect,
//! so that a renewed certificate is used without a restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::address::bracketed;
use super::error::BuildError;

/// Mutual TLS with a daemon.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The source of the certificates.
    pub certificates: Certificates,
    /// The name in the daemon's certificate, if it differs from the address's host.
    pub server_name: Option<String>,
}

/// The source of certificates.
#[derive(Debug, Clone)]
pub enum Certificates {
    /// PEM files.
    Files {
        /// The authority that signed the daemon's certificate.
        ca: PathBuf,
        /// Our certificate.
        cert: PathBuf,
        /// Our certificate's key.
        key: PathBuf,
    },
    /// A callback.
    Asked(CertificateReader),
}

/// A PEM text, and its origin for messages.
#[derive(Debug)]
pub struct Pem {
    /// The origin, such as `key \`tls.crt\` of secret \`buildkit-client-tls\``.
    pub place: String,
    /// The text.
    pub text: SecretString,
}

/// The certificates and the key for a mutual TLS connection.
#[derive(Debug)]
pub struct Material {
    /// The authority that signed the daemon's certificate.
    pub ca: Pem,
    /// Our certificate, and the intermediate certificates up to its authority.
    pub cert: Pem,
    /// Our certificate's key.
    pub key: Pem,
}

type Reading = BoxFuture<'static, Result<Arc<Material>, BuildError>>;

/// Reads certificates again at every connect. Concurrent connects share one read.
#[derive(Clone)]
pub struct CertificateReader(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> Reading + Send + Sync>,
    under_way: Mutex<Option<WeakShared<Reading>>>,
}

impl CertificateReader {
    /// Creates a reader that calls `read`.
    pub fn new<F>(read: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Material, BuildError>> + Send + 'static,
    {
        let read = Box::new(move || read().map(|read| read.map(Arc::new)).boxed());
        Self(Arc::new(Inner { read, under_way: Mutex::default() }))
    }

    /// Joins the read in progress or starts a new one. Each waiting caller polls it, so a caller that gives up does not
    /// affect the others.
    fn read(&self) -> Shared<Reading> {
        let mut under_way = self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let current = under_way.as_ref().and_then(WeakShared::upgrade).filter(|read| read.peek().is_none());
        current.unwrap_or_else(|| {
            let read = (self.0.read)().shared();
            *under_way = read.downgrade();
            read
        })
    }
}

impl fmt::Debug for CertificateReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl Tls {
    /// The TLS configuration for a connection to `host`.
    pub(super) async fn config(&self, host: &str) -> Result<ClientTlsConfig, BuildError> {
        let material = match &self.certificates {
            Certificates::Files { ca, cert, key } => Arc::new(files(ca, cert, key).await?),
            Certificates::Asked(reader) => reader.read().await?,
        };
        Ok(material.config()?.domain_name(self.name(host)))
    }

    /// The name that the certificate of the daemon at `host` must contain. An IPv6 address has no brackets there.
    fn name<'a>(&'a self, host: &'a str) -> &'a str {
        self.server_name.as_deref().unwrap_or_else(|| bracketed(host).unwrap_or(host))
    }
}

impl Material {
    /// Checks the kind of each text. A wrong text would be noticed late or never: a wrong authority would just trust nobody.
    fn config(&self) -> Result<ClientTlsConfig, BuildError> {
        let Self { ca, cert, key } = self;
        for pem in [ca, cert] {
            let mut found = CertificateDer::pem_slice_iter(pem.text.expose_secret().as_bytes());
            if !matches!(found.next(), Some(Ok(_))) {
                return Err(BuildError::not_pem(&pem.place, "certificate"));
            }
        }
        if PrivateKeyDer::from_pem_slice(key.text.expose_secret().as_bytes()).is_err() {
            return Err(BuildError::not_pem(&key.place, "private key"));
        }
        let identity = Identity::from_pem(cert.text.expose_secret(), key.text.expose_secret());
        let ca = Certificate::from_pem(ca.text.expose_secret());
        Ok(ClientTlsConfig::new().ca_certificate(ca).identity(identity))
    }
}

async fn files(ca: &Path, cert: &Path, key: &Path) -> Result<Material, BuildError> {
    Ok(Material { ca: file(ca).await?, cert: file(cert).await?, key: file(key).await? })
}

async fn file(path: &Path) -> Result<Pem, BuildError> {
    let text = tokio::fs::read_to_string(path).await.map_err(|e| BuildError::certificate_file(path, &e))?;
    Ok(Pem { place: path.display().to_string(), text: text.into() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use rustls::pki_types::ServerName;

    use super::*;
    use crate::buildkit::address::Address;

    #[test]
    fn the_certificate_of_a_daemon_at_an_address_is_looked_at_for_that_address() {
        let certificates = Certificates::Files { ca: "ca".into(), cert: "cert".into(), key: "key".into() };
        let mut tls = Tls { certificates, server_name: None };
        for (text, name) in
            [("tcp://[::1]:1234", "::1"), ("tcp://127.0.0.1:1234", "127.0.0.1"), ("tcp://b.ci:1234", "b.ci")]
        {
            let Address::Tcp { host, .. } = text.parse().unwrap() else { unreachable!("{text}") };
            let looked_for = ServerName::try_from(tls.name(&host)).unwrap();
            assert_eq!(looked_for, ServerName::try_from(name).unwrap(), "{text}");
        }
        tls.server_name = Some("buildkitd".to_owned());
        assert_eq!(tls.name("[::1]"), "buildkitd");
    }
}
