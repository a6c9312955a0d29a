//! The caches that a build imports. Each is checked before it is passed to the daemon.
//!
//! The daemon waits for a cache's registry as long as the connection lasts, and so do other builds that need the same registry
//! (`util/resolver`). If a cache's layers are gone, the daemon notices in the middle of the build, which then fails. A cache is
//! optional, so a cache that would delay or break the build is left out. If one breaks it all the same, the build runs again without
//! it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::warn;

use super::super::Engine;
use crate::oci::Auth;
use crate::outcome::StepError;
use crate::step::RegistryRef;
use crate::text;
use crate::time_limits::{calls, until, within};

/// The time limit for a registry to answer whether it has a cache.
pub(super) const PATIENCE: Duration = calls::REGISTRY_CACHE.whole();

/// The time limit for all caches of a build.
const ALL: Duration = PATIENCE.saturating_mul(6);
/// The number of caches that are checked at a time. A manifest has up to 4 MiB, and a step may name a thousand caches.
const AT_A_TIME: usize = 4;

/// The longest reason for a cache that is left out, in bytes.
const WHY: usize = 300;

/// The caches to import, and the reasons for those left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Imports {
    /// The caches that are passed to the daemon.
    pub(super) caches: Vec<RegistryRef>,
    /// One line for each cache that is left out.
    pub(super) left_out: Vec<String>,
    /// The names of the build's own caches that are not there.
    pub(super) absent: Vec<String>,
    /// How long the checks took.
    pub(super) took: Duration,
}

/// The caches that broke a build, and that it was then built without.
#[derive(Debug, Clone, Default)]
pub(super) struct LeftOut {
    /// Their names.
    pub(super) caches: Vec<String>,
    /// One line for each.
    pub(super) lines: Vec<String>,
}

/// The result of a check.
enum Checked {
    /// The cache is passed to the daemon.
    Good,
    /// The cache is not there, and need not be.
    Absent,
    /// The cache is left out, for this reason.
    Bad(String),
}

impl LeftOut {
    /// Adds `other`. Of equal lines, one stays.
    pub(super) fn add(&mut self, other: Self) {
        let new = other.lines.into_iter().filter(|line| !self.lines.contains(line)).collect::<Vec<_>>();
        self.lines.extend(new);
        self.caches.extend(other.caches);
    }
}

impl Imports {
    /// Checks the caches that a step names, several at a time.
    pub(super) async fn probe(engine: &Engine, caches: &[RegistryRef], auth: &Auth) -> Self {
        let mut imports = Self::default();
        imports.add(engine, caches, auth, false).await;
        imports
    }

    /// Checks the caches of the build's own branch or pull request too. They are not there before its first build, which is no
    /// reason for a warning.
    pub(super) async fn probe_own(&mut self, engine: &Engine, caches: &[RegistryRef], auth: &Auth) {
        self.add(engine, caches, auth, true).await;
    }

    /// Leaves out the caches that the build's error is about, and returns them; with `all`, the others too, if it is about one. The
    /// daemon names the address of a blob that it cannot read (containerd `core/remotes/docker/httpreadseeker.go`), and so the
    /// repository: each cache there may have the blob.
    pub(super) fn leave_out(&mut self, error: &StepError, all: bool) -> LeftOut {
        if error.exit_code.is_some() || !error.message.contains("httpReadSeeker") {
            return LeftOut::default();
        }
        let is_named =
            |cache: &RegistryRef| error.message.contains(&format!("/v2/{}/blobs/", cache.image.repository()));
        if !self.caches.iter().any(is_named) {
            return LeftOut::default();
        }
        let (bad, good): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.caches).into_iter().partition(|cache| all || is_named(cache));
        self.caches = good;
        let why = text::brief(&error.message, WHY);
        let mut left_out = LeftOut::default();
        for cache in &bad {
            let which = if is_named(cache) { "it" } else { "another one" };
            warn!("cache {} is left out: the build could not read {which}", cache.image);
            let line = format!("cache {} is left out: the build could not read {which}: {why}", cache.image);
            left_out.lines.push(line);
            left_out.caches.push(cache.image.to_string());
        }
        left_out
    }

    async fn add(&mut self, engine: &Engine, caches: &[RegistryRef], auth: &Auth, is_own: bool) {
        let begun = Instant::now();
        let (end, turns) = (begun + ALL, &Semaphore::new(AT_A_TIME));
        let checked = caches.iter().map(|cache| async move {
            let asked = async {
                // Never closed.
                let _turn = turns.acquire().await;
                if is_own && is_absent(engine, cache, auth).await {
                    return Checked::Absent;
                }
                why_not(engine, cache, auth).await.map_or(Checked::Good, Checked::Bad)
            };
            let late = |_| {
                let limit = ALL.as_secs();
                Checked::Bad(format!("the caches of this build were not checked within {limit} s"))
            };
            (cache, until(end, ALL, "their registries", asked).await.unwrap_or_else(late))
        });
        for (cache, checked) in join_all(checked).await {
            match checked {
                Checked::Good => self.caches.push(cache.clone()),
                Checked::Absent => self.absent.push(cache.image.to_string()),
                Checked::Bad(why) => {
                    warn!("cache {} is left out: {why}", cache.image);
                    self.left_out.push(format!("cache {} is left out: {why}", cache.image));
                }
            }
        }
        self.took += begun.elapsed();
    }
}

/// Whether the registry says that it does not have `cache`.
async fn is_absent(engine: &Engine, cache: &RegistryRef, auth: &Auth) -> bool {
    let asked = engine.registry.manifest_exists(&cache.image, auth, cache.insecure);
    matches!(within(PATIENCE, "its registry", asked).await, Ok(Ok(None)))
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
