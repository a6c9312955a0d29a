//! The thread that renews the lease. Work that blocks all threads of the process's runtime does not block this one.

use std::io;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Runs `elector` to its end, or until `dropped`. The returned receiver gets a message, or is closed, when it is
/// over.
pub(super) fn run(
    elector: impl Future<Output = ()> + Send + 'static,
    dropped: CancellationToken,
) -> oneshot::Receiver<()> {
    let (finished, ended) = oneshot::channel();
    let begun = begin(async move {
        tokio::select! {
            () = elector => {}
            () = dropped.cancelled() => {}
        }
        // The receiver may have been dropped.
        let _ = finished.send(());
    });
    if let Err(error) = begun {
        error!(
            "the thread that renews the Lease cannot be started, so this process will never lead: {error}"
        );
    }
    ended
}

fn begin(work: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("lease".into());
    thread.spawn(move || runtime.block_on(work)).map(drop)
}
