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

/// How long a connection may stay without a whole head. Argo's agent asks again within 5 s, kubelet within 10 s.
const SILENCE: Duration = calls::OWN_PORTS.silence();

/// How long a request may take, its body included: Argo's agent waits for 30 s (`workflow/executor/plugins/rpc/plugin.go`).
const REQUEST: Duration = calls::OWN_PORTS.whole();

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
    info!(%address, "listening for {what} on {address}");
    let late = HandleErrorLayer::new(|_| async { StatusCode::REQUEST_TIMEOUT });
    let router = router.layer(ServiceBuilder::new().layer(late).layer(TimeoutLayer::new(REQUEST)));
    Ok(tokio::spawn(serve(what, listener, router, stop.clone())))
}

async fn serve(what: &'static str, listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut open = Open::default();
    let mut spare = Spare::default();
    loop {
        spare.keep();
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open.admit(stream, router.clone()),
                Err(error) if descriptors::none_left(&error) && spare.give() => {}
                Err(error) => {
                    warn!(%error, "no connection for {what} could be taken: {error}");
                    open.end_oldest();
                    tokio::time::sleep(PAUSE).await;
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
    fn admit(&mut self, stream: TcpStream, router: Router) {
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
            .header_read_timeout(SILENCE)
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
        let _ = tokio::time::timeout(LAST, self.graceful.shutdown()).await;
        self.tasks.abort_all();
    }
}
