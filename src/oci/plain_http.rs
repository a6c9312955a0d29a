//! Remembers which insecure registries speak plain http.
//!
//! `insecure: true` means either plain http or an untrusted certificate. buildkitd tries https first to find out
//! which of the two (`util/resolver/resolver.go`, `httpFallback`), and so do we.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the observation is valid. A registry may get a certificate later.
const BELIEVED: Duration = Duration::from_secs(60);
/// The most registries that are remembered, because users choose the names.
const MOST: usize = 1000;

/// Registries by `host[:port]`, each with the time of the observation.
#[derive(Debug, Clone, Default)]
pub(super) struct PlainHttpHosts(Arc<Mutex<HashMap<String, Instant>>>);

impl PlainHttpHosts {
    /// Whether `host` was seen to speak plain http within the last [`BELIEVED`].
    pub(super) fn has(&self, host: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(host).is_some_and(|since| since.elapsed() < BELIEVED)
    }

    pub(super) fn remember(&self, host: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, since| since.elapsed() < BELIEVED);
        if known.len() < MOST {
            known.insert(host.to_owned(), Instant::now());
        }
    }
}

/// BuildKit's rule for speaking plain http without being told to (containerd `MatchLocalhost`).
pub(super) fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}
