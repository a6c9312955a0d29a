//! The tunnel: an HTTP/2 connection inside a gRPC stream, on which we are the server
//! (`session/grpc.go`, `session/grpchijack`).

use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use futures_util::StreamExt as _;
use tokio::io::{AsyncWriteExt as _, DuplexStream, WriteHalf};
use tokio_util::io::ReaderStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use super::Services;
use crate::time_limits::Pulse;

/// Bytes in flight in each direction before the other side must read.
const BUFFER: usize = 64 << 10;

/// An open session; dropping it closes it.
#[derive(Debug)]
pub(in crate::buildkit) struct Tunnel {
    /// The id by which a solve names this session.
    pub(in crate::buildkit) id: String,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// Opens a session on `client`'s connection. What the daemon says in it, `pulse` hears.
pub(in crate::buildkit) async fn open(
    mut client: ControlClient<Channel>,
    services: Services,
    id: String,
    pulse: Pulse,
) -> Result<Tunnel, tonic::Status> {
    let Services { router, methods } = services;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let (from_server, to_server) = tokio::io::split(theirs);
    // One connection and no other: the server must not end because no more come.
    let incoming = tokio_stream::once(Ok::<_, std::io::Error>(ours)).chain(futures_util::stream::pending());
    let serve = async move {
        if let Err(error) = router.serve_with_incoming(incoming).await {
            tracing::warn!(%error, "the session's server ended: {error}");
        }
    };
    let serve = AbortOnDropHandle::new(tokio::spawn(serve));
    // A read error is the end of the tunnel, as far as the daemon is concerned.
    let outgoing = ReaderStream::with_capacity(from_server, BUFFER)
        .filter_map(|chunk| async { Some(BytesMessage { data: chunk.ok()?.into() }) });
    let mut request = Request::new(outgoing);
    announce(request.metadata_mut(), &id, &methods);
    let stream = client.session(request).await?;
    let pump = AbortOnDropHandle::new(tokio::spawn(pump(stream.into_inner(), to_server, pulse)));
    Ok(Tunnel { id, _tasks: [serve, pump] })
}

fn announce(metadata: &mut MetadataMap, id: &str, methods: &[&'static str]) {
    if let Ok(id) = id.parse() {
        metadata.insert("x-docker-expose-session-uuid", id);
    }
    metadata
        .insert("x-docker-expose-session-name", tonic::metadata::MetadataValue::from_static("argo-buildkit"));
    for method in methods {
        let method = tonic::metadata::MetadataValue::from_static(method);
        metadata.append("x-docker-expose-session-grpc-method", method);
    }
}

/// The daemon's bytes, to our server; ends when either side does.
async fn pump(mut from: Streaming<BytesMessage>, mut to: WriteHalf<DuplexStream>, pulse: Pulse) {
    while let Some(Ok(message)) = from.next().await {
        pulse.heard();
        if to.write_all(&message.data).await.is_err() {
            return;
        }
    }
    // The server then sees the end of its connection.
    let _ = to.shutdown().await;
}
