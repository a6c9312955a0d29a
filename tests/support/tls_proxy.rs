//! A proxy with TLS in front of a server without it.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::certificates::Pair;

/// A running proxy. It ends with the test's runtime.
pub(crate) struct TlsProxy {
    port: u16,
}

impl TlsProxy {
    /// Starts a proxy in front of `upstream`, `host:port`, with the certificate `pair`.
    pub(crate) async fn start(upstream: &str, pair: &Pair) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chain = vec![CertificateDer::from_pem_file(&pair.cert).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let config =
            rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, upstream) = (listener.local_addr().unwrap().port(), upstream.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, acceptor.clone(), upstream.clone()));
            }
        });
        Self { port }
    }

    /// `host:port`, in a form of 127.0.0.1 that the rule for loopback addresses does not match, so https is used.
    pub(crate) fn host(&self) -> String {
        format!("127.1:{}", self.port)
    }
}

async fn pass(client: TcpStream, acceptor: TlsAcceptor, upstream: String) {
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
