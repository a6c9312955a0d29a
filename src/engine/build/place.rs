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
pub(super) struct Place(watch::Sender<Stay>);

/// Where a build is.
#[derive(Default)]
enum Stay {
    /// Nowhere yet.
    #[default]
    Nowhere,
    /// At a daemon.
    At(Slot),
    /// It has ended at that daemon.
    Ended(Member),
}

impl Stay {
    fn member(&self) -> Option<&Member> {
        match self {
            Self::Nowhere => None,
            Self::At(slot) => Some(&slot.member),
            Self::Ended(member) => Some(member),
        }
    }
}

impl Place {
    /// Takes the place `slot`, and returns its daemon.
    pub(super) fn take(&self, slot: Slot) -> Member {
        let member = slot.member.clone();
        self.0.send_replace(Stay::At(slot));
        member
    }

    /// Ends the build there. The place is free once the result is dropped.
    pub(super) fn leave(&self) -> Option<Slot> {
        match self.0.send_replace(Stay::Nowhere) {
            Stay::At(slot) => Some(slot),
            Stay::Nowhere | Stay::Ended(_) => None,
        }
    }

    /// Frees the place of a build that has succeeded. Its daemon is still told by [`Self::member`].
    pub(super) fn end(&self) {
        let member = self.0.borrow().member().cloned();
        if let Some(member) = member {
            // The slot is dropped here, and not under the lock.
            drop(self.0.send_replace(Stay::Ended(member)));
        }
    }

    /// The daemon at which the build is or was. Waits until the build has a place.
    pub(super) async fn member(&self) -> Option<Member> {
        let mut stays = self.0.subscribe();
        let stay = stays.wait_for(|stay| stay.member().is_some()).await.ok()?;
        stay.member().cloned()
    }
}
