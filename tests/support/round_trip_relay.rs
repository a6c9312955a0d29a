//! A relay in front of any server. It counts the round trips of a client: one begins when the client sends after it
//! has received. Tests may assert a count, unlike a time.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A running relay. It ends with the test's runtime.
pub(crate) struct RoundTripRelay {
    host: String,
    upstream: String,
    seen: Arc<watch::Sender<Seen>>,
}

/// The round trips so far.
#[derive(Debug, Default)]
struct Seen {
    connections: usize,
    turns: Vec<String>,
    /// Round trips whose request contains this text are not forwarded.
    held: Option<String>,
    /// How often all connections were closed.
    cuts: usize,
}

impl RoundTripRelay {
    /// Starts a relay in front of `upstream`, `host:port`.
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::<watch::Sender<Seen>>::default();
        let (to, shared) = (upstream.to_owned(), seen.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.send_modify(|seen| seen.connections += 1);
                tokio::spawn(pass(client, to.clone(), shared.clone()));
            }
        });
        Self { host, upstream: upstream.to_owned(), seen }
    }

    /// `host:port` of the relay.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The server's `url` through this relay.
    pub(crate) fn through(&self, url: &str) -> String {
        url.replace(&self.upstream, &self.host)
    }

    /// The round trips since the last call. Over http, each is the request's first line without the version. Over ssh
    /// it is unreadable.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut turns = Vec::new();
        self.seen.send_modify(|seen| turns = std::mem::take(&mut seen.turns));
        turns
    }

    /// The number of connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// From now on, requests that contain `what` wait at the relay.
    pub(crate) fn hold(&self, what: &str) {
        self.seen.send_modify(|seen| seen.held = Some(what.to_owned()));
    }

    /// Forwards the waiting requests, and all later ones.
    pub(crate) fn release(&self) {
        self.seen.send_modify(|seen| seen.held = None);
    }

    /// Closes the present connections.
    pub(crate) fn cut(&self) {
        self.seen.send_modify(|seen| seen.cuts += 1);
    }

    /// Waits until `times` requests have contained `what`.
    pub(crate) async fn came(&self, what: &str, times: usize) {
        let mut seen = self.seen.subscribe();
        let said = |seen: &Seen| seen.turns.iter().filter(|turn| turn.contains(what)).count() >= times;
        seen.wait_for(said).await.unwrap();
    }
}

/// One task forwards both directions, to keep the order of the bytes.
async fn pass(mut client: TcpStream, upstream: String, seen: Arc<watch::Sender<Seen>>) {
    let Ok(mut server) = TcpStream::connect(&upstream).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut asked, mut answered) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut is_asking = false;
    let (mut changes, cuts) = (seen.subscribe(), seen.borrow().cuts);
    loop {
        tokio::select! {
            () = async { drop(changes.wait_for(|seen| seen.cuts > cuts).await) } => return,
            read = client.read(&mut asked) => {
                let Ok(1..) = read else { return };
                let bytes = &asked[..read.unwrap()];
                if !is_asking {
                    let turn = line(bytes);
                    seen.send_modify(|seen| seen.turns.push(turn.clone()));
                    let free = |seen: &Seen| seen.held.as_ref().is_none_or(|held| !turn.contains(held));
                    seen.subscribe().wait_for(free).await.unwrap();
                }
                is_asking = true;
                if server.write_all(bytes).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(1..) = read else { return };
                is_asking = false;
                if client.write_all(&answered[..read.unwrap()]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// `GET /a/b.git/info/refs?service=git-upload-pack`.
fn line(bytes: &[u8]) -> String {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let text = std::str::from_utf8(line).unwrap_or_default();
    text.strip_suffix(" HTTP/1.1").unwrap_or_default().to_owned()
}
