//! A proxy in front of any TCP server that closes connections after so many bytes.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// A running proxy. It ends with the test's runtime.
pub(crate) struct CuttingProxy {
    host: String,
    state: Arc<Mutex<Cuts>>,
}

struct Cuts {
    /// The bytes that clients have sent.
    sent: u64,
    /// After how many bytes connections are cut, the next one last.
    left: Vec<u64>,
}

impl CuttingProxy {
    /// A proxy in front of `upstream` that cuts a connection each time that clients have sent so many bytes in all.
    pub(crate) async fn start(upstream: &str, mut cuts: Vec<u64>) -> Self {
        cuts.reverse();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (host, upstream) = (listener.local_addr().unwrap().to_string(), upstream.to_owned());
        let state = Arc::new(Mutex::new(Cuts { sent: 0, left: cuts }));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream.clone(), shared.clone()));
            }
        });
        Self { host, state }
    }

    /// `host:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The bytes that clients have sent so far, and the number of cuts that have not happened.
    pub(crate) fn sent(&self) -> (u64, usize) {
        let state = self.state.lock().unwrap();
        (state.sent, state.left.len())
    }
}

async fn pass(client: TcpStream, upstream: String, state: Arc<Mutex<Cuts>>) {
    let Ok(server) = TcpStream::connect(&upstream).await else { return };
    let ((mut from, mut back), (mut answers, mut to)) = (client.into_split(), server.into_split());
    let up = async {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let _ = to.write_all(&buffer[..count]).await;
            let mut state = state.lock().unwrap();
            state.sent += count as u64;
            let sent = state.sent;
            if state.left.pop_if(|cut| *cut <= sent).is_some() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = copy(&mut answers, &mut back) => {}
    }
}
