//! Where a daemon listens, and the connection to it.

use hyper_util::rt::TokioIo;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint, Uri};

use super::connection::{Connection, Tasks};
use super::error::BuildError;
use super::tls::Tls;
use crate::time_limits::socket;

/// A daemon's address: `tcp://host:port` or `unix:///path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP, with or without TLS.
    Tcp {
        /// A name or an IP address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket on this machine.
    Unix(PathBuf),
}

/// Why a string is no daemon address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a buildkitd address; write `tcp://host:port` or `unix:///path/to/buildkitd.sock`")]
pub struct BadAddress(String);

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(bad()) };
        }
        let (host, port) =
            text.strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':')).ok_or_else(bad)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        let valid = !host.is_empty() && !host.contains(['/', '@', ' ']);
        if valid { Ok(Self::Tcp { host: host.to_owned(), port }) } else { Err(bad()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Bytes of header fields that a reply may have; hyper's default is 16 KiB. The details of a build's error are such a field,
/// with the whole Dockerfile in base64 of base64. Of an error that needs more the daemon sends nothing and resets the call
/// (grpc-go `internal/transport/http2_server.go`); its record is asked for then, see [`super::history`].
pub(super) const MAX_HEADERS: u32 = 1 << 20;

/// One connection to the daemon, or why there is none. HTTP/2 pings are no choice: buildkitd answers more than one in five
/// minutes with GOAWAY (contracts: buildkit.md section 2), so the system looks for a daemon that is gone.
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
                // All that it still refuses is a key of another certificate.
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

/// The cause at the chain's end: the only layer that says something.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_written_back() {
        for text in ["tcp://buildkitd.ci.svc:1234", "tcp://[::1]:1234", "unix:///run/buildkit/buildkitd.sock"]
        {
            assert_eq!(text.parse::<Address>().map(|a| a.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "buildkitd:1234",
            "tcp://host",
            "tcp://host:0",
            "tcp://:1",
            "unix://rel",
            "http://h:1",
            "tcp://u@h:1",
        ] {
            assert_eq!(text.parse::<Address>(), Err(BadAddress(text.to_owned())));
        }
    }
}
