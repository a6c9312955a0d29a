//! A door before any TCP server, which can be shut: what is behind it is away then.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Away {
    /// They break, and new ones with them.
    Refused,
    /// They stay, and nothing comes through.
    Silent,
}

/// A running door; it ends with the test's runtime.
pub(crate) struct TcpDoor {
    address: SocketAddr,
    away: watch::Sender<Option<Away>>,
}

impl TcpDoor {
    /// An open door before `upstream`, `host:port`.
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, away) = (listener.local_addr().unwrap(), watch::Sender::new(None));
        let (upstream, state) = (upstream.to_owned(), away.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream.clone(), state.clone()));
            }
        });
        Self { address, away }
    }

    /// `host:port` of the door.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Nothing comes through any more.
    pub(crate) fn shut(&self, away: Away) {
        self.away.send_replace(Some(away));
    }

    /// New connections come through again; old ones are broken.
    pub(crate) fn open(&self) {
        self.away.send_replace(None);
    }
}

async fn pass(mut client: TcpStream, upstream: String, mut away: watch::Receiver<Option<Away>>) {
    if away.borrow_and_update().is_none()
        && let Ok(mut server) = TcpStream::connect(&upstream).await
    {
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = away.changed() => {}
        }
    }
    // Both ends are kept until it is no longer silent.
    let _ = away.wait_for(|away| *away != Some(Away::Silent)).await;
}
