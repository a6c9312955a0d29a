//! The thread on which the lease is renewed: work that holds all threads of the process's runtime does not hold this one.

use std::io;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// Runs `race` to its end, or until `dropped`. What is given back is told, or closed, when it is over.
pub(super) fn run(
    race: impl Future<Output = ()> + Send + 'static,
    dropped: CancellationToken,
) -> oneshot::Receiver<()> {
    let (tell, ended) = oneshot::channel();
    let begun = begin(async move {
        tokio::select! {
            () = race => {}
            () = dropped.cancelled() => {}
        }
        // The receiver may be gone.
        let _ = tell.send(());
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
