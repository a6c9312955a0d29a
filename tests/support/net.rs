//! Ports, names and clients that tests of one process can share.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The time limit of everything that takes a moment and is not under test. Dozens of servers share the two cores of CI, and
/// one test may load them for minutes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// A client for plain http without a connection pool. Every test has its own runtime, and a connection dies with its runtime.
pub(crate) fn client() -> reqwest::Client {
    plain_http().pool_max_idle_per_host(0).build().unwrap()
}

/// A client for plain http. It does not read the system's root certificates, which took most of the time of a call.
pub(crate) fn plain_http() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// Listens at `address`, once nobody else does: the server of a test before ends with its runtime, a moment after the test.
pub(crate) async fn listen(address: &str) -> tokio::net::TcpListener {
    let bind = async || tokio::net::TcpListener::bind(address).await.ok();
    until(|| format!("{address} to be free"), PATIENCE, bind).await
}

/// Polls `probe` until it returns a value. Panics with the text of `what` after `limit`. Unlike
/// [`super::bin::wait_for`], it does not block the runtime.
pub(crate) async fn until<T>(
    what: impl Fn() -> String,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {}", what());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until an object that is created now is newer than one with this `creationTimestamp`, which has whole seconds.
pub(crate) async fn second_after(created: &str) {
    let now = || jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let is_over = async || (created < now().as_str()).then_some(());
    until(|| format!("a second after {created}"), PATIENCE, is_over).await;
}

/// `prefix` and a number that is unique in this process; lower case, and valid in any server's names.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A free port below the range for outgoing connections. Each call returns another one.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let offset = std::process::id().wrapping_mul(61);
    let candidate = || 20_000 + offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(candidate).filter_map(|port| port.try_into().ok()).find(free).unwrap()
}
