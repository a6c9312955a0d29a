//! Looking up names, without the addresses that are not gone to. Whoever answers for a name may answer differently each
//! time, so it is the lookup of the connection itself that is filtered.

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

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// A resolver, and what may be had of its answers.
pub(super) struct Guarded {
    network: Network,
    lookup: Lookup,
    /// Hosts of proxies: the administrator named them, and they stand within.
    proxies: Vec<String>,
}

impl Guarded {
    /// The machine's own resolver.
    pub(super) fn system(network: Network) -> Self {
        Self { proxies: proxies(), ..Self::of(network, Arc::new(|name| Box::pin(look_up(name, 0)))) }
    }

    pub(super) fn of(network: Network, lookup: Lookup) -> Self {
        Self { network, lookup, proxies: Vec::new() }
    }
}

impl Resolve for Guarded {
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

/// The addresses of `host`, a name or an address, without those that are not gone to: for what is no HTTP.
///
/// # Errors
/// The name has no address that may be used.
pub(crate) async fn socket_addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
    let found = look_up(host.to_owned(), port).await?;
    Ok(allowed(Network::Cluster, host, found)?)
}

/// Why a host has no address to go to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    /// The name stands for an address that no request is sent to.
    #[error(transparent)]
    Refused(#[from] RefusedAddress),
    /// The name was not found.
    #[error(transparent)]
    Unknown(#[from] io::Error),
}

/// What is left of `found`. A name that stands for refused addresses alone is refused.
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
