//! The tunnel: an HTTP/2 connection inside a gRPC stream. This client is the server on it
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
use crate::time_limits::PeerActivity;

/// The number of bytes buffered in each direction before the other side must read.
const BUFFER: usize = 64 << 10;

/// An open session; dropping it closes it.
#[derive(Debug)]
pub(in crate::buildkit) struct Tunnel {
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// Opens the session `id` on `client`'s connection. Each message from the daemon counts in `activity`.
pub(in crate::buildkit) async fn open(
    mut client: ControlClient<Channel>,
    services: Services,
    id: String,
    activity: PeerActivity,
) -> Result<Tunnel, tonic::Status> {
    let Services { router, methods } = services;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let (from_server, to_server) = tokio::io::split(theirs);
    // The server gets exactly one connection. It must not end because no other connection arrives.
    let incoming = tokio_stream::once(Ok::<_, std::io::Error>(ours)).chain(futures_util::stream::pending());
    let serve = async move {
        if let Err(error) = router.serve_with_incoming(incoming).await {
            tracing::warn!(%error, "the session's server ended: {error}");
        }
    };
    let serve = AbortOnDropHandle::new(tokio::spawn(serve));
    // For the daemon a read error is the end of the tunnel.
    let outgoing = ReaderStream::with_capacity(from_server, BUFFER)
        .filter_map(|chunk| async { Some(BytesMessage { data: chunk.ok()?.into() }) });
    let mut request = Request::new(outgoing);
    announce(request.metadata_mut(), &id, &methods);
    let stream = client.session(request).await?;
    let pump = AbortOnDropHandle::new(tokio::spawn(pump(stream.into_inner(), to_server, activity)));
    Ok(Tunnel { _tasks: [serve, pump] })
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

/// Copies the daemon's bytes to our server until either side ends.
async fn pump(mut from: Streaming<BytesMessage>, mut to: WriteHalf<DuplexStream>, activity: PeerActivity) {
    while let Some(Ok(message)) = from.next().await {
        activity.heard();
        if to.write_all(&message.data).await.is_err() {
            return;
        }
    }
    // This shows the server the end of its connection.
    let _ = to.shutdown().await;
}
