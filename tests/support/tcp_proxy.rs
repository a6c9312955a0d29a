//! A proxy in front of any TCP server. A test can interrupt it, as if the server were down.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The behaviour of connections during an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// They are closed, and new ones too.
    Refused,
    /// They stay open, and nothing is forwarded.
    Silent,
}

/// A running proxy. It ends with the test's runtime.
pub(crate) struct TcpProxy {
    address: SocketAddr,
    outage: watch::Sender<Option<Outage>>,
}

impl TcpProxy {
    /// Starts a proxy in front of `upstream`, `host:port`.
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, outage) = (listener.local_addr().unwrap(), watch::Sender::new(None));
        let (upstream, state) = (upstream.to_owned(), outage.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream.clone(), state.clone()));
            }
        });
        Self { address, outage }
    }

    /// `host:port` of the proxy.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Begins an outage.
    pub(crate) fn interrupt(&self, outage: Outage) {
        self.outage.send_replace(Some(outage));
    }

    /// Ends the outage for new connections. Old ones are closed.
    pub(crate) fn restore(&self) {
        self.outage.send_replace(None);
    }
}

async fn pass(mut client: TcpStream, upstream: String, mut outage: watch::Receiver<Option<Outage>>) {
    if outage.borrow_and_update().is_none()
        && let Ok(mut server) = TcpStream::connect(&upstream).await
    {
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = outage.changed() => {}
        }
    }
    // Keeps both connections open until the outage ends.
    let _ = outage.wait_for(|outage| *outage != Some(Outage::Silent)).await;
}
