//! Reads blobs of the daemon's content store. It holds what is too large for a history record: the details of an error.
//!
//! The store speaks containerd's API (`control/control.go`, `Register`); the generated client lacks it.

use std::sync::LazyLock;

use bollard_buildkit_proto::moby::buildkit::v1::Descriptor;
use http::uri::PathAndQuery;
use tokio::sync::Semaphore;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::connection::Connection;
use super::details::Details;
use crate::redact::Redactor;

/// The largest error details that are read, in bytes. A Dockerfile of 1 MiB has 1.4 MiB of details; if it is a single
/// heredoc, it has 2.8 MiB.
const MAX_DETAILS: i64 = 8 << 20;

/// Limits the whole process to reading one error's details at a time. However many builds fail at once, they need the
/// memory of one.
static READING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(1));

/// `containerd.services.content.v1.ReadContentRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct ReadRequest {
    #[prost(string, tag = "1")]
    digest: String,
    #[prost(int64, tag = "2")]
    offset: i64,
    /// The number of bytes to read; 0 reads all.
    #[prost(int64, tag = "3")]
    size: i64,
}

/// `containerd.services.content.v1.ReadContentResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct ReadResponse {
    #[prost(int64, tag = "1")]
    offset: i64,
    #[prost(bytes = "vec", tag = "2")]
    data: Vec<u8>,
}

/// Reads the details in `blob`, a `google.rpc.Status` (`solver/llbsolver/history`, `ImportError`). They help the reader of
/// an error. They are optional, because the error's message alone decides its kind.
pub(super) async fn details(
    connection: &Connection,
    blob: &Descriptor,
    redactor: &Redactor,
) -> Option<Details> {
    let _turn = READING.acquire().await.ok()?;
    match read(connection, blob).await {
        Ok(bytes) => Some(Details::decode(&bytes, redactor)),
        Err(error) => {
            tracing::warn!(%error, digest = blob.digest, "the details of a build's error are lost: {error}");
            None
        }
    }
}

async fn read(connection: &Connection, blob: &Descriptor) -> Result<Vec<u8>, Status> {
    if blob.size > MAX_DETAILS {
        return Err(Status::out_of_range(format!("{} bytes are more than {MAX_DETAILS}", blob.size)));
    }
    let mut client = tonic::client::Grpc::new(connection.channel.clone());
    client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    let request = ReadRequest { digest: blob.digest.clone(), offset: 0, size: blob.size };
    let path = PathAndQuery::from_static("/containerd.services.content.v1.Content/Read");
    let codec = ProstCodec::<ReadRequest, ReadResponse>::default();
    let mut pieces = client.server_streaming(Request::new(request), path, codec).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await? {
        bytes.extend(piece.data);
        if bytes.len() as u64 > MAX_DETAILS.unsigned_abs() {
            return Err(Status::out_of_range(format!(
                "more than the {MAX_DETAILS} bytes that were asked for"
            )));
        }
    }
    Ok(bytes)
}
