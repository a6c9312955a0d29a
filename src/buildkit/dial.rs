//! Opens connections to the daemon.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Uri};

use super::address::Address;
use super::connection::{Connection, MAX_HEADERS, Tasks};
use super::error::{BuildError, innermost};
use super::tls::Tls;
use crate::time_limits::socket;

/// Opens one connection to the daemon. HTTP/2 pings cannot be used: buildkitd answers more than one in five minutes with
/// GOAWAY (contracts: buildkit.md section 2). The operating system detects a dead daemon instead.
pub(super) async fn connect(
    address: &Address,
    tls: Option<&Tls>,
    limit: Duration,
) -> Result<Connection, BuildError> {
    let tasks = Tasks::default();
    let channel = dial(address, tls, limit, &tasks).await?;
    Ok(tasks.connection(channel))
}

async fn dial(
    address: &Address,
    tls: Option<&Tls>,
    limit: Duration,
    tasks: &Tasks,
) -> Result<Channel, BuildError> {
    let unreachable =
        |e: tonic::transport::Error| BuildError::unreachable(address, tls.is_some(), &innermost(&e));
    match address {
        Address::Unix(path) => {
            // The authority is a placeholder: nothing resolves it.
            let endpoint = configured(Endpoint::from_static("http://buildkitd"), tasks);
            let path = path.clone();
            let dial = tower::service_fn(move |_: Uri| {
                let path = path.clone();
                async move { tokio::net::UnixStream::connect(path).await.map(TokioIo::new) }
            });
            endpoint.connect_with_connector(dial).await.map_err(unreachable)
        }
        Address::Tcp { host, port } => {
            let scheme = if tls.is_some() { "https" } else { "http" };
            let endpoint = Endpoint::from_shared(format!("{scheme}://{host}:{port}")).map_err(unreachable)?;
            let endpoint = configured(endpoint, tasks);
            let endpoint = match tls {
                // This can still fail only if the key belongs to another certificate.
                Some(tls) => endpoint
                    .tls_config(tls.config(host).await?)
                    .map_err(|e| BuildError::certificates_refused(&innermost(&e)))?,
                None => endpoint,
            };
            endpoint.connect_with_connector(socket::connector(limit)).await.map_err(unreachable)
        }
    }
}

fn configured(endpoint: Endpoint, tasks: &Tasks) -> Endpoint {
    endpoint.executor(tasks.clone()).http2_max_header_list_size(MAX_HEADERS)
}
