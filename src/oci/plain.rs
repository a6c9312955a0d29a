//! Which insecure registries were found to speak plain http.
//!
//! `insecure: true` means plain http or a certificate that nobody vouches for. Which of both, buildkitd finds out by trying https
//! first (`util/resolver/resolver.go`, `httpFallback`), and so do we.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long it is believed that a registry speaks plain http: it may be given a certificate.
const BELIEVED: Duration = Duration::from_secs(60);
/// Registries that are remembered. Users name them.
const MOST: usize = 1000;

/// Registries by `host[:port]`, and when they were found to.
#[derive(Debug, Clone, Default)]
pub(super) struct PlainHosts(Arc<Mutex<HashMap<String, Instant>>>);

impl PlainHosts {
    /// Whether `host` was found to speak plain http a moment ago.
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
