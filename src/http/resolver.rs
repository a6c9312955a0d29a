//! Resolves names, and removes addresses that are not allowed. A name server may give a different answer each time,
//! so the filter is in the lookup of the connection itself.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{Network, RefusedAddress};

/// Variables that name a proxy (reqwest, `src/proxy.rs`).
const PROXIES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

type LookupFuture = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
type Lookup = Arc<dyn Fn(String) -> LookupFuture + Send + Sync>;

/// A resolver that returns only allowed addresses.
pub(super) struct FilteringResolver {
    network: Network,
    lookup: Lookup,
    /// The hosts of proxies. The administrator chose them, and they may be in the cluster.
    proxies: Vec<String>,
}

impl FilteringResolver {
    /// The machine's own resolver, filtered.
    pub(super) fn system(network: Network) -> Self {
        Self { proxies: proxies(), ..Self::of(network, Arc::new(|name| Box::pin(look_up(name, 0)))) }
    }

    pub(super) fn of(network: Network, lookup: Lookup) -> Self {
        Self { network, lookup, proxies: Vec::new() }
    }
}

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let network = if self.proxies.contains(&name) { Network::Cluster } else { self.network };
        let found = (self.lookup)(name.clone());
        Box::pin(async move {
            let addresses = allowed(network, &name, found.await?)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The allowed addresses of `host`, which is a name or an address; for protocols other than HTTP.
///
/// # Errors The name has no allowed address.
pub(crate) async fn socket_addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
    let found = look_up(host.to_owned(), port).await?;
    Ok(allowed(Network::Cluster, host, found)?)
}

/// A host without an allowed address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    /// The name has only refused addresses.
    #[error(transparent)]
    Refused(#[from] RefusedAddress),
    /// The name was not found.
    #[error(transparent)]
    Unknown(#[from] io::Error),
}

/// The allowed addresses of `found`. A name with refused addresses only is refused.
fn allowed(network: Network, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, RefusedAddress> {
    let name = name.parse::<IpAddr>().is_err().then_some(name);
    let (mut left, mut refused) = (Vec::new(), None);
    for address in found {
        match network.allows(address.ip(), name) {
            Ok(()) => left.push(address),
            Err(error) => refused = Some(error),
        }
    }
    match refused.filter(|_| left.is_empty()) {
        Some(refused) => Err(refused),
        None => Ok(left),
    }
}

async fn look_up(name: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name.as_str(), port)).await?.collect())
}

fn proxies() -> Vec<String> {
    let host = |value: String| Some(url::Url::parse(&value).ok()?.host_str()?.to_owned());
    PROXIES.iter().filter_map(|name| host(std::env::var(name).ok()?)).collect()
}
