//! Signals, and the order of the drain.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first SIGTERM (kubelet's) or SIGINT (a terminal's). Handlers are set when it is
/// called, not when it is awaited, so no early signal is lost.
pub fn signalled() -> io::Result<impl Future<Output = &'static str>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        }
    })
}
