//! A port of ours: HTTP/1 with a limit on whatever a caller may hold open.
//!
//! Any pod may reach the operator's port, and any container of the pod the plugin's. A caller who begins a request and does
//! not end it holds a connection and a buffer; so both are small, and neither lasts.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower::timeout::TimeoutLayer;
use tracing::{debug, info, warn};

use crate::limits::descriptors;
use crate::time_limits::{calls, socket};

/// Connections open at a time. The oldest makes room for the next: a caller who holds many keeps nobody out.
const CONNECTIONS: usize = 256;

/// Bytes of a request's head, and of what is read ahead of its body.
const HEAD: usize = 16 << 10;

/// Header lines of a request.
const HEADERS: usize = 64;

/// How long a caller may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Without a whole head. Argo's agent asks again within 5 s, kubelet within 10 s.
    silence: Duration,
    /// For a request, its body included: Argo's agent waits for 30 s (`workflow/executor/plugins/rpc/plugin.go`).
    request: Duration,
}

const LIMITS: Limits = Limits { silence: calls::OWN_PORTS.silence(), request: calls::OWN_PORTS.whole() };

/// How long open connections may last once the port is closed.
const LAST: Duration = Duration::from_secs(2);

/// The pause after a connection could not be taken, as when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves `router` at `address` until `stop`. The port is open when this returns.
///
/// # Errors
/// The address cannot be listened on.
pub async fn listen(
    what: &'static str,
    address: SocketAddr,
    router: Router,
    stop: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listening for {what} on {address}"))?;
    let address = listener.local_addr()?;
    // While none is left it cannot be read.
    let _ = descriptors::limit();
    info!(%address, "listening for {what} on {address}");
    Ok(tokio::spawn(serve(what, listener, router, LIMITS, stop.clone())))
}

async fn serve(
    what: &'static str,
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let late = HandleErrorLayer::new(|_| async { StatusCode::REQUEST_TIMEOUT });
    let router = router.layer(ServiceBuilder::new().layer(late).layer(TimeoutLayer::new(limits.request)));
    let mut open = Open::default();
    let mut spare = Spare::default();
    loop {
        spare.keep();
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open.admit(stream, router.clone(), limits),
                Err(error) if descriptors::none_left(&error) && spare.give() => {
                    // Now, before the spare is kept again; and then a moment for the answer, for the next caller ends it.
                    if let Ok(Ok((stream, _))) = timeout(PAUSE, listener.accept()).await {
                        open.admit(stream, router.clone(), limits);
                        sleep(PAUSE).await;
                    }
                }
                Err(error) => {
                    warn!(%error, "no connection for {what} could be taken: {error}");
                    open.end_oldest();
                    sleep(PAUSE).await;
                }
            },
            Some(_) = open.tasks.join_next() => {}
            () = stop.cancelled() => break,
        }
    }
    drop(listener);
    open.end().await;
}

/// Connections that a port may have open: of few descriptors, most are for steps.
fn connections() -> usize {
    descriptors::limit().map_or(CONNECTIONS, |limit| (limit / 8).clamp(1, CONNECTIONS))
}

/// A file that is closed when no descriptor is left, so that one more caller is answered: whoever asks whether all is well
/// then hears that it is not.
#[derive(Default)]
struct Spare(Option<std::fs::File>);

impl Spare {
    fn keep(&mut self) {
        if self.0.is_none() {
            self.0 = std::fs::File::open("/dev/null").ok();
        }
    }

    /// Whether there was one.
    fn give(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// The open connections, the oldest first.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    order: VecDeque<AbortHandle>,
    graceful: GracefulShutdown,
}

impl Open {
    fn admit(&mut self, stream: TcpStream, router: Router, limits: Limits) {
        // A caller who is gone, or does not read its answer.
        socket::watch(&stream);
        let most = connections();
        if self.order.len() >= most {
            self.order.retain(|connection| !connection.is_finished());
        }
        while self.order.len() >= most {
            self.end_oldest();
        }
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.silence)
            .max_buf_size(HEAD)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let connection = self.graceful.watch(connection);
        let served = async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended: {error}");
            }
        };
        self.order.push_back(self.tasks.spawn(served));
    }

    fn end_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            oldest.abort();
        }
    }

    /// Lets requests that are under way end, for a moment.
    async fn end(mut self) {
        // What is left after that ends with the set.
        let _ = timeout(LAST, self.graceful.shutdown()).await;
        self.tasks.abort_all();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_secs(2);

    async fn port(limits: Limits) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(|body: String| async move { body }));
        tokio::spawn(serve("a test", listener, router, limits, CancellationToken::new()));
        address
    }

    /// Sends `text` and nothing more; gives all that comes back until the port hangs up.
    async fn answer(address: SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_caller_who_falls_silent_in_a_request_is_hung_up_on_and_the_others_are_answered() {
        let request = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nbody";
        let head = request.find("\r\n\r\n").unwrap();
        let silent = port(Limits { silence: SHORT, request: HOUR }).await;
        let late = port(Limits { silence: HOUR, request: SHORT }).await;
        for (after, port) in [(1, silent), (head, silent), (head + 4, late), (request.len() - 1, late)] {
            let (cut, whole) = tokio::join!(answer(port, &request[..after]), answer(port, request));
            assert!(!cut.contains("200 OK"), "{after}: {cut}");
            assert_eq!(cut.contains("408 Request Timeout"), port == late, "{after}: {cut}");
            assert!(whole.ends_with("body"), "{after}: {whole}");
        }
    }
}
