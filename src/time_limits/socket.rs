//! Detects a TCP connection whose other end has lost power or network. The system's default is to wait for a quarter
//! of an hour after the last data was sent, or for ever if nothing was sent.

use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// The time without a byte from the peer after which a keepalive probe is sent.
pub(crate) const IDLE: Duration = Duration::from_secs(20);
/// The pause between two probes.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);
/// The number of unanswered probes after which the connection is closed.
pub(crate) const RETRIES: u32 = 3;
/// How long sent data may be unacknowledged: as long as the probes take. No probes are sent meanwhile.
pub(crate) const UNACKNOWLEDGED: Duration = Duration::from_secs(50);

/// Turns on keepalive for `stream`. A dead peer is then noticed within a minute, whether data was sent or not.
pub(crate) fn watch(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL).with_retries(RETRIES);
    let set =
        socket.set_tcp_keepalive(&keepalive).and_then(|()| socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)));
    if let Err(error) = set {
        tracing::warn!(%error, "a connection is not looked after, so a peer that is gone is noticed late: {error}");
    }
}

/// A connector whose connections are configured like [`watch`] does, each within `limit`.
pub(crate) fn connector(limit: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(limit));
    connector.set_keepalive(Some(IDLE));
    connector.set_keepalive_interval(Some(INTERVAL));
    connector.set_keepalive_retries(Some(RETRIES));
    connector.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    connector
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_socket_notices_within_a_minute_that_its_peer_is_gone() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        watch(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        let (idle, interval) =
            (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap());
        let probes = socket.tcp_keepalive_retries().unwrap();
        assert!(idle + interval * probes <= Duration::from_secs(60), "{idle:?} {interval:?} {probes}");
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        assert!(UNACKNOWLEDGED <= Duration::from_secs(60));
    }
}
