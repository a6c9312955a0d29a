//! The caches that a build reads. Each is asked for before the daemon is told of it.
//!
//! The daemon waits for a cache's registry as long as the connection lasts, and other builds that need the same registry wait
//! with it (`util/resolver`); of a cache whose layers are gone it finds out in the middle of the build, which fails then. A
//! cache is no more than a help, so one that would hold up the build, or break it, is left out.

use std::time::Duration;

use futures_util::future::join_all;
use tracing::warn;

use super::super::Engine;
use crate::oci::Auth;
use crate::step::{Build, RegistryRef};
use crate::time_limits::{calls, within};

/// How long a registry may take to tell whether it has a cache.
pub(super) const PATIENCE: Duration = calls::REGISTRY_CACHE.whole();

/// What is imported, and why something is not.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Those that the daemon is told of.
    pub(super) caches: Vec<RegistryRef>,
    /// A line about each of the others.
    pub(super) left_out: Vec<String>,
}

impl Imports {
    /// Asks for all caches of `build` at once.
    pub(super) async fn probe(engine: &Engine, build: &Build, auth: &Auth) -> Self {
        let probed = build.cache.from.iter().map(async |cache| (cache, why_not(engine, cache, auth).await));
        let mut imports = Self::default();
        for (cache, why_not) in join_all(probed).await {
            match why_not {
                None => imports.caches.push(cache.clone()),
                Some(why) => {
                    warn!("cache {} is left out: {why}", cache.image);
                    imports.left_out.push(format!("cache {} is left out: {why}", cache.image));
                }
            }
        }
        imports
    }
}

/// Why `cache` is of no use. What the daemon finds out by itself without harm, such as a cache that does not exist or that
/// refuses the login, it says better; and it may reach a registry that we do not.
async fn why_not(engine: &Engine, cache: &RegistryRef, auth: &Auth) -> Option<String> {
    let asked = engine.registry.lost_blob(&cache.image, auth, cache.insecure);
    match within(PATIENCE, "its registry", asked).await {
        Err(_) => Some(format!("its registry did not answer within {} s", PATIENCE.as_secs())),
        Ok(Ok(Some(digest))) => {
            Some(format!("its registry has lost {digest}; the next export to `cache.to` writes it again"))
        }
        Ok(Ok(None) | Err(_)) => None,
    }
}
