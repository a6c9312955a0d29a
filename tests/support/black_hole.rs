//! A relay in front of any server. After some number of bytes, it forwards nothing more and closes nothing, as if the
//! other side had lost power.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Towards {
    /// From the client to the server.
    Server,
    /// From the server to the client.
    Client,
}

/// The point after which a connection is silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hole {
    /// The direction that becomes silent.
    pub(crate) towards: Towards,
    /// The number of bytes of the connection before it.
    pub(crate) after: usize,
}

/// A running relay. It ends with the test's runtime.
pub(crate) struct BlackHole {
    host: String,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Connections that were accepted.
    connections: AtomicUsize,
    /// The most bytes that one connection has carried, in each direction.
    most: [AtomicUsize; 2],
    /// Signals that a connection has become silent.
    reached: Notify,
}

impl BlackHole {
    /// Starts a relay in front of `upstream`, `host:port` or `unix:///path`. Without a hole, it forwards everything.
    pub(crate) async fn start(upstream: &str, hole: Option<Hole>) -> Self {
        Self::with(upstream, move |_| hole).await
    }

    /// Starts a relay whose first connection has a hole.
    pub(crate) async fn start_first(upstream: &str, hole: Hole) -> Self {
        Self::with(upstream, move |connection| (connection == 0).then_some(hole)).await
    }

    async fn with(upstream: &str, hole: impl Fn(usize) -> Option<Hole> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let counts = Arc::<Counts>::default();
        let (upstream, shared) = (upstream.to_owned(), counts.clone());
        tokio::spawn(async move {
            let mut connections = 0..;
            while let (Ok((client, _)), Some(connection)) = (listener.accept().await, connections.next()) {
                shared.connections.store(connection + 1, Ordering::SeqCst);
                tokio::spawn(pass(client, upstream.clone(), hole(connection), shared.clone()));
            }
        });
        Self { host, counts }
    }

    /// Its `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// The most bytes that one connection has carried so far.
    pub(crate) fn carried(&self, towards: Towards) -> usize {
        self.counts.most[towards as usize].load(Ordering::SeqCst)
    }

    /// Waits until a connection has become silent.
    pub(crate) async fn reached(&self) {
        self.counts.reached.notified().await;
    }
}

async fn pass(client: TcpStream, upstream: String, hole: Option<Hole>, counts: Arc<Counts>) {
    client.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    match upstream.strip_prefix("unix://") {
        Some(path) => {
            let Ok(server) = UnixStream::connect(path).await else { return };
            let (from_server, to_server) = server.into_split();
            both(from_client, to_client, from_server, to_server, hole, &counts).await;
        }
        None => {
            let Ok(server) = TcpStream::connect(&upstream).await else { return };
            server.set_nodelay(true).unwrap();
            let (from_server, to_server) = server.into_split();
            both(from_client, to_client, from_server, to_server, hole, &counts).await;
        }
    }
}

async fn both(
    from_client: impl AsyncRead + Unpin,
    to_client: impl AsyncWrite + Unpin,
    from_server: impl AsyncRead + Unpin,
    to_server: impl AsyncWrite + Unpin,
    hole: Option<Hole>,
    counts: &Counts,
) {
    let after = |towards| hole.filter(|hole| hole.towards == towards).map(|hole| hole.after);
    let up = forward(from_client, to_server, after(Towards::Server), counts, Towards::Server);
    let down = forward(from_server, to_client, after(Towards::Client), counts, Towards::Client);
    tokio::join!(up, down);
}

/// Forwards up to `after` bytes and then nothing more, not even the end of the stream.
async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    after: Option<usize>,
    counts: &Counts,
    towards: Towards,
) {
    let mut buffer = vec![0; 16 << 10];
    let mut carried = 0;
    loop {
        let room = after.map_or(buffer.len(), |after| buffer.len().min(after - carried));
        if room == 0 {
            counts.reached.notify_one();
            return std::future::pending().await;
        }
        let Ok(read) = from.read(&mut buffer[..room]).await else { break };
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
        carried += read;
        counts.most[towards as usize].fetch_max(carried, Ordering::SeqCst);
    }
    let _ = to.shutdown().await;
}
