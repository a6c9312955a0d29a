//! What a build needs of a daemon, and the place that it has on one.

use tokio::sync::watch;

use super::super::context::Cx;
use crate::pool::{Member, PoolKey, Service, Slot, Wanted};
use crate::step::Build;

/// How many platforms of a build count for the choice. A step may name a thousand, and each choice compares all of them with those of
/// each daemon.
const PLATFORMS: usize = 32;

/// The service of `build`, whose next build finds the same daemon, and its platforms.
pub(super) fn wanted(build: &Build, cx: &Cx) -> Wanted {
    let key = PoolKey::new(Service {
        namespace: &cx.workflow.namespace,
        repository: &build.context.repo.to_string(),
        subdir: build.context.subdir.as_deref().unwrap_or_default(),
        dockerfile: build.dockerfile.path().unwrap_or_default(),
        target: build.target.as_deref().unwrap_or_default(),
    });
    let platforms = build.platforms.iter().take(PLATFORMS).map(ToString::to_string).collect();
    Wanted { key, platforms }
}

/// The place of a build, from the moment that it has one. It stays the build's after a failure, so that a second attempt without a bad
/// cache finds the layers of the first one.
#[derive(Default)]
pub(super) struct Place(watch::Sender<Option<Slot>>);

impl Place {
    /// Takes the place `slot`, and returns its daemon.
    pub(super) fn take(&self, slot: Slot) -> Member {
        let member = slot.member.clone();
        self.0.send_replace(Some(slot));
        member
    }

    /// Ends the build there. The place is free once the result is dropped.
    pub(super) fn leave(&self) -> Option<Slot> {
        self.0.send_replace(None)
    }

    /// The daemon at which the build is. Waits until the build has a place.
    pub(super) async fn member(&self) -> Option<Member> {
        let mut slots = self.0.subscribe();
        let slot = slots.wait_for(Option::is_some).await.ok()?;
        slot.as_ref().map(|slot| slot.member.clone())
    }
}
