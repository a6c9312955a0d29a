//! A TCP relay before a Git server: it counts what comes back, and can make each request wait.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Since the relay's start, over all connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    /// From the server, heads of HTTP included.
    pub(super) bytes: u64,
    pub(super) requests: u64,
}

/// A relay, until the program ends.
pub(super) struct Proxy {
    address: SocketAddr,
    line: Line,
}

/// What all connections share.
#[derive(Clone)]
struct Line {
    server: SocketAddr,
    delay: Duration,
    bytes: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Proxy {
    /// A relay to `server` that keeps each request for `delay`.
    pub(super) fn start(server: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = Line { server, delay, bytes: Arc::default(), requests: Arc::default() };
        let shared = line.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                shared.connect(client.unwrap()).unwrap();
            }
        });
        Self { address, line }
    }

    /// The repository's URL through the relay.
    pub(super) fn url(&self) -> String {
        format!("http://{}/fleet.git", self.address)
    }

    pub(super) fn counts(&self) -> Counts {
        let [bytes, requests] = [&self.line.bytes, &self.line.requests].map(|n| n.load(Ordering::SeqCst));
        Counts { bytes, requests }
    }
}

impl Line {
    fn connect(&self, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
        let (mut from_server, mut to_client) = (server, client);
        let answered = Arc::new(AtomicBool::new(true));
        let (up, down) = (self.clone(), self.clone());
        let asked = Arc::clone(&answered);
        thread::spawn(move || relay(&mut from_client, &mut to_server, |_| up.ask(&asked)));
        thread::spawn(move || relay(&mut from_server, &mut to_client, |size| down.answer(&answered, size)));
        Ok(())
    }

    /// Neither git nor reqwest pipelines HTTP/1.1: what a client says after an answer begins a request.
    fn ask(&self, answered: &AtomicBool) {
        if answered.swap(false, Ordering::SeqCst) {
            self.requests.fetch_add(1, Ordering::SeqCst);
            thread::sleep(self.delay);
        }
    }

    fn answer(&self, answered: &AtomicBool, size: usize) {
        self.bytes.fetch_add(size as u64, Ordering::SeqCst);
        answered.store(true, Ordering::SeqCst);
    }
}

/// Hands on what one side says until it ends, or the other side is gone; `seen` gets the size of each piece first.
fn relay(from: &mut TcpStream, to: &mut TcpStream, seen: impl Fn(usize)) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        seen(size);
        if to.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
