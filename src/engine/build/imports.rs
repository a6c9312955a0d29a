//! The caches that a build imports. Each is checked before it is passed to the daemon.
//!
//! The daemon waits for a cache's registry as long as the connection lasts, and so do other builds that need the same registry
//! (`util/resolver`). If a cache's layers are gone, the daemon notices in the middle of the build, which then fails. A cache is
//! optional, so a cache that would delay or break the build is left out.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::warn;

use super::super::Engine;
use crate::oci::Auth;
use crate::step::{Build, RegistryRef};
use crate::time_limits::{calls, until, within};

/// The time limit for a registry to answer whether it has a cache.
pub(super) const PATIENCE: Duration = calls::REGISTRY_CACHE.whole();

/// The time limit for all caches of a build.
const ALL: Duration = PATIENCE.saturating_mul(6);
/// The number of caches that are checked at a time. A manifest has up to 4 MiB, and a step may name a thousand caches.
const AT_A_TIME: usize = 4;

/// The caches to import, and the reasons for those left out.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// The caches that are passed to the daemon.
    pub(super) caches: Vec<RegistryRef>,
    /// One line for each cache that is left out.
    pub(super) left_out: Vec<String>,
}

impl Imports {
    /// Checks the caches of `build`, several at a time.
    pub(super) async fn probe(engine: &Engine, build: &Build, auth: &Auth) -> Self {
        let (end, turns) = (Instant::now() + ALL, &Semaphore::new(AT_A_TIME));
        let probed = build.cache.from.iter().map(|cache| async move {
            let asked = async {
                // Never closed.
                let _turn = turns.acquire().await;
                why_not(engine, cache, auth).await
            };
            let late =
                |_| Some(format!("the caches of this build were not checked within {} s", ALL.as_secs()));
            (cache, until(end, ALL, "their registries", asked).await.unwrap_or_else(late))
        });
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

/// The reason to leave `cache` out. Harmless problems, such as a missing cache or a rejected login, are left to the daemon: its
/// messages are better, and it may reach a registry that this process cannot.
async fn why_not(engine: &Engine, cache: &RegistryRef, auth: &Auth) -> Option<String> {
    let asked = engine.registry.missing_blob(&cache.image, auth, cache.insecure);
    match within(PATIENCE, "its registry", asked).await {
        Err(_) => Some(format!("its registry did not answer within {} s", PATIENCE.as_secs())),
        Ok(Ok(Some(digest))) => {
            Some(format!("its registry has lost {digest}; the next export to `cache.to` writes it again"))
        }
        Ok(Ok(None) | Err(_)) => None,
    }
}
