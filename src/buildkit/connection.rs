//! A connection to the daemon that closes completely when its owner drops it.
//!
//! An open call keeps its connection alive, even after the client was dropped. A session is such a call, and so is a
//! call whose bytes the daemon does not read. So the tasks of a connection end with its [`Connection`], not with its calls.

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

/// The daemon's own limit in both directions (`cmd/buildkitd/main.go`); tonic's default is 4 MiB.
const MAX_MESSAGE: usize = 16 << 20;

/// The largest size of a reply's header fields, in bytes; hyper's default is 16 KiB. The details of a build's error are
/// such a field, with the whole Dockerfile in base64 of base64. If an error needs more, the daemon sends nothing and resets
/// the call (grpc-go `internal/transport/http2_server.go`). Then its record is read instead, see [`super::history`].
pub(super) const MAX_HEADERS: u32 = 1 << 20;

/// An open connection. Dropping it closes it and ends every call on it.
pub struct Connection {
    pub(super) channel: Channel,
    _open: DropGuard,
}

/// A connection that was opened before its build needs it, see [`super::Buildkit::connect_early`].
#[derive(Debug)]
pub struct EarlyConnection {
    pub(super) connection: Connection,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl EarlyConnection {
    /// The connection, which the build needs now.
    pub fn into_connection(self) -> Connection {
        self.connection
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    pub(super) fn client(&self) -> ControlClient<Channel> {
        ControlClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE)
    }
}

/// Runs the tasks of one connection until its owner drops it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks(CancellationToken);

impl Tasks {
    /// Converts these tasks into the [`Connection`] that owns them, once `channel` is open.
    pub(super) fn connection(self, channel: Channel) -> Connection {
        Connection { channel, _open: self.0.drop_guard() }
    }
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let closed = self.0.clone();
        tokio::spawn(async move { closed.run_until_cancelled_owned(task).await });
    }
}
