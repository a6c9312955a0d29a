//! Serves a port of this process: HTTP/1, with limits on what a caller may hold open.
//!
//! Any pod can reach the operator's port, and any container of the pod can reach the plugin's port. A caller who
//! starts a request and does not finish it holds a connection and a buffer. So both are small and have time limits.

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

/// The number of connections open at a time. A new connection closes the oldest one over this limit, so one caller
/// with many connections does not block the others.
const CONNECTIONS: usize = 256;

/// The size in bytes of a request's head, and of the data that is read ahead of its body.
const HEAD: usize = 16 << 10;

/// The number of header lines of a request.
const HEADERS: usize = 64;

/// The time limits of a caller.
#[derive(Debug, Clone, Copy)]
struct CallerLimits {
    /// The time until the head of a request is complete. Argo's agent sends requests within 5 s, kubelet within 10 s.
    silence: Duration,
    /// The time for a request with its body: Argo's agent waits for 30 s (`workflow/executor/plugins/rpc/plugin.go`).
    request: Duration,
}

const LIMITS: CallerLimits =
    CallerLimits { silence: calls::OWN_PORTS.silence(), request: calls::OWN_PORTS.whole() };

/// The time that open connections still have after the port is closed.
const LAST: Duration = Duration::from_secs(2);

/// The pause after a connection could not be accepted, for example because the process has no free file descriptor.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves `router` at `address` until `stop`. The port is open when this returns.
///
/// # Errors
/// Listening on the address fails.
pub async fn listen(
    what: &'static str,
    address: SocketAddr,
    router: Router,
    stop: &CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listening for {what} on {address}"))?;
    let address = listener.local_addr()?;
    // Reads the limit now, because it cannot be read while no descriptor is free.
    let _ = descriptors::limit();
    info!(%address, "listening for {what} on {address}");
    Ok(tokio::spawn(serve(what, listener, router, LIMITS, stop.clone())))
}

async fn serve(
    what: &'static str,
    listener: TcpListener,
    router: Router,
    limits: CallerLimits,
    stop: CancellationToken,
) {
    let late = HandleErrorLayer::new(|_| async { StatusCode::REQUEST_TIMEOUT });
    let router = router.layer(ServiceBuilder::new().layer(late).layer(TimeoutLayer::new(limits.request)));
    let mut open = OpenConnections::default();
    let mut spare = Spare::default();
    loop {
        spare.keep();
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open.admit(stream, router.clone(), limits),
                Err(error) if descriptors::none_left(&error) && spare.give() => {
                    // Accept now, before the spare is opened again. Then wait a moment for the answer, because the
                    // next caller would end this connection.
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

/// The number of connections that a port may have open: when descriptors are few, most are for steps.
fn connections() -> usize {
    descriptors::limit().map_or(CONNECTIONS, |limit| (limit / 8).clamp(1, CONNECTIONS))
}

/// A spare file descriptor. It is closed when no other is free, so that one more caller gets an answer: a health
/// check is then told that the process is not healthy.
#[derive(Default)]
struct Spare(Option<std::fs::File>);

impl Spare {
    fn keep(&mut self) {
        if self.0.is_none() {
            self.0 = std::fs::File::open("/dev/null").ok();
        }
    }

    /// Closes the spare. Returns whether there was one.
    fn give(&mut self) -> bool {
        self.0.take().is_some()
    }
}

/// The open connections, oldest first.
#[derive(Default)]
struct OpenConnections {
    tasks: JoinSet<()>,
    order: VecDeque<AbortHandle>,
    graceful: GracefulShutdown,
}

impl OpenConnections {
    fn admit(&mut self, stream: TcpStream, router: Router, limits: CallerLimits) {
        // Detects a caller that is gone or does not read its answer.
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

    /// Waits a moment for the requests in progress.
    async fn end(mut self) {
        // The remaining connections are aborted.
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

    async fn port(limits: CallerLimits) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(|body: String| async move { body }));
        tokio::spawn(serve("a test", listener, router, limits, CancellationToken::new()));
        address
    }

    /// Sends `text` and nothing more. Returns everything that arrives until the port closes the connection.
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
        let silent = port(CallerLimits { silence: SHORT, request: HOUR }).await;
        let late = port(CallerLimits { silence: HOUR, request: SHORT }).await;
        for (after, port) in [(1, silent), (head, silent), (head + 4, late), (request.len() - 1, late)] {
            let (cut, whole) = tokio::join!(answer(port, &request[..after]), answer(port, request));
            assert!(!cut.contains("200 OK"), "{after}: {cut}");
            assert_eq!(cut.contains("408 Request Timeout"), port == late, "{after}: {cut}");
            assert!(whole.ends_with("body"), "{after}: {whole}");
        }
    }
}
