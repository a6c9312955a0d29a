//! Decides whether an Application runs what a step has deployed. A function of one state: every event is judged as a whole,
//! because the fields are written at different times, and may go back.
//!
//! An operation that succeeded for our commit together with `Healthy` is not enough. At that moment, the health is still that of
//! the old pods (measured with Argo CD 3.2.1, in each of 82 runs).

use super::standing::{RevisionOrder, RevisionOrders, Standing, Waiting, Wanted};
use super::state::{ApplicationState, AppliedImage, Health, OperationPhase, SyncStatus};
use crate::oci::ImageRef;

/// The words in an operation's message while a sync window keeps it from beginning (argo-cd `controller/appcontroller.go`).
const BY_WINDOW: &str = "blocked by sync window";

/// Conditions that end a comparison for a reason in the Application or its project.
const REFUSALS: [&str; 2] = ["InvalidSpecError", "UnknownError"];

/// How the revision of an Application stands to the commit that is waited for.
enum Revision<'a> {
    /// It is that commit, or no commit is waited for.
    Ours,
    Newer(&'a str),
}

impl ApplicationState {
    /// Judges the state. `orders` has the answers to earlier [`Standing::Ask`]s.
    pub fn standing(&self, wanted: &Wanted<'_>, orders: &RevisionOrders) -> Standing {
        if let Some(waiting) = self.uncompared() {
            return Standing::Waiting(waiting);
        }
        let revision = match self.revision(wanted, orders) {
            Ok(revision) => revision,
            Err(standing) => return standing,
        };
        if let Some(waiting) = self.older_sync(wanted).or_else(|| self.unsynced()) {
            return Standing::Waiting(waiting);
        }
        if let Revision::Newer(by) = revision
            && let Some(standing) = self.superseded(by, wanted, orders)
        {
            return standing;
        }
        match self.health {
            Health::Degraded => Standing::Waiting(Waiting::Degraded),
            Health::Healthy => self.with_images(wanted),
            health => Standing::Waiting(Waiting::NotHealthy { health }),
        }
    }

    /// Why there is no comparison with Git yet.
    fn uncompared(&self) -> Option<Waiting> {
        if self.is_refreshing {
            return Some(if self.has_status { Waiting::Comparing } else { Waiting::NoStatus });
        }
        let refusal = self.conditions.iter().find(|condition| REFUSALS.contains(&condition.name.as_str()));
        if let Some(condition) = refusal {
            let (condition, message) = (condition.name.clone(), condition.message.clone());
            return Some(Waiting::Refused { condition, message });
        }
        if let Some(message) = self.condition("ComparisonError") {
            return Some(Waiting::NotCompared { message: message.to_owned() });
        }
        if !self.has_status {
            return Some(Waiting::NoStatus);
        }
        let is_unknown = self.sync == SyncStatus::Unknown;
        is_unknown.then(|| Waiting::NotCompared { message: "its sync status is `Unknown`".to_owned() })
    }

    fn revision<'a>(
        &'a self,
        wanted: &Wanted<'_>,
        orders: &RevisionOrders,
    ) -> Result<Revision<'a>, Standing> {
        let Some(commit) = wanted.commit else { return Ok(Revision::Ours) };
        if self.revisions.iter().any(|revision| revision == commit) {
            return Ok(Revision::Ours);
        }
        let mut is_older = false;
        for revision in self.commits() {
            match orders.get(revision) {
                Some(RevisionOrder::Newer) => return Ok(Revision::Newer(revision)),
                Some(RevisionOrder::Older) => is_older = true,
                Some(RevisionOrder::Unknown) => {}
                None => return Err(Standing::Ask { revision: revision.to_owned() }),
            }
        }
        let revision = self.revisions.join(", ");
        Err(Standing::Waiting(Waiting::OtherRevision { revision, is_older }))
    }

    /// The repetition of a sync that Argo CD began for an older revision: one that is neither ours nor the present one. A sync that
    /// somebody has requested may be of any revision, and counts as work on ours.
    fn older_sync(&self, wanted: &Wanted<'_>) -> Option<Waiting> {
        let operation = &self.operation;
        let is_repeated = operation.phase == OperationPhase::Running && operation.retries > 0;
        let is_present = |revision: &String| {
            self.revisions.contains(revision) || wanted.commit.is_some_and(|commit| revision == commit)
        };
        let is_older = !operation.revisions.is_empty() && !operation.revisions.iter().any(is_present);
        if !is_repeated || !operation.is_automatic || !is_older {
            return None;
        }
        let (revision, problem) = (operation.revisions.join(", "), self.problem());
        Some(Waiting::OlderSync { revision, retries: operation.retries, problem })
    }

    /// Why the cluster does not have the revision yet.
    fn unsynced(&self) -> Option<Waiting> {
        let operation = &self.operation;
        if operation.is_active() {
            let problem = if operation.refused.is_empty() { String::new() } else { self.problem() };
            let (message, retries) = (operation.message.clone(), operation.retries);
            let is_window = message.contains(BY_WINDOW);
            return Some(if is_window {
                Waiting::Window
            } else {
                Waiting::Syncing { message, retries, problem }
            });
        }
        if self.sync == SyncStatus::Synced {
            return None;
        }
        let has_failed = matches!(operation.phase, OperationPhase::Failed | OperationPhase::Error);
        // An operation that could not begin has no result, and so no revision.
        let is_present = operation.revisions.is_empty()
            || operation.revisions.iter().any(|revision| self.revisions.contains(revision));
        if has_failed && is_present {
            return Some(Waiting::SyncFailed { problem: self.problem() });
        }
        let is_ours = operation.revisions.iter().any(|revision| self.revisions.contains(revision));
        Some(match operation.phase == OperationPhase::Succeeded && is_ours {
            true => Waiting::StillDiffers,
            false => Waiting::OutOfSync { is_automated: self.is_automated },
        })
    }

    /// What went wrong with the operation: the refused resources, or else what Argo CD says.
    fn problem(&self) -> String {
        match self.operation.refused.as_slice() {
            [] => self.operation.message.clone(),
            [first] => first.clone(),
            [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
        }
    }

    /// Whether a newer commit was applied that does not have the wanted images; the present one is `by`. A commit that changes
    /// nothing of this Application begins no operation, so the one that was applied last may be ours, or even an older one.
    fn superseded(&self, by: &str, wanted: &Wanted<'_>, orders: &RevisionOrders) -> Option<Standing> {
        let applied = &self.operation.images;
        // A partial sync (self-heal, `ApplyOutOfSyncOnly`) lists only what it has changed: the image of another repository says nothing.
        let is_replaced = |image: &ImageRef| {
            applied.iter().any(|each| is_of_repository(&each.image, image))
                && !applied.iter().any(|each| is_image(&each.image, image))
        };
        if !wanted.images.iter().any(is_replaced) {
            return None;
        }
        for revision in self.operation.commits().filter(|revision| wanted.commit != Some(*revision)) {
            match orders.get(revision) {
                Some(RevisionOrder::Newer) => return Some(Standing::Superseded { by: by.to_owned() }),
                Some(RevisionOrder::Older | RevisionOrder::Unknown) => {}
                None => return Some(Standing::Ask { revision: revision.to_owned() }),
            }
        }
        None
    }

    /// The state of a healthy Application: the images of its pods decide. Those of the applied manifests do not, because
    /// `ignoreDifferences` may keep one from the cluster.
    fn with_images(&self, wanted: &Wanted<'_>) -> Standing {
        let lacks = |image: &&ImageRef| !self.images.iter().any(|running| is_image(running, image));
        let Some(missing) = wanted.images.iter().find(lacks) else { return Standing::Done };
        let applied = |each: &&AppliedImage| is_image(&each.image, missing);
        let is_applied = self
            .operation
            .images
            .iter()
            .filter(applied)
            // At 0 replicas there is no pod, and so no image at all.
            .any(|each| each.kind == "CronJob" || self.images.is_empty());
        Standing::Waiting(Waiting::NoImage { image: missing.to_string(), is_applied })
    }
}

/// Whether the text of an image is of the repository of `wanted`. The registry does not count: a mirror is another one.
fn is_of_repository(text: &str, wanted: &ImageRef) -> bool {
    text.parse::<ImageRef>().is_ok_and(|found| found.repository() == wanted.repository())
}

/// Whether the text of an image names the wanted one. If both have a digest, the name does not count: a mirror has another. One
/// that is wanted by tag and digest may be there by the tag alone: not every chart writes the digest.
pub fn is_image(text: &str, wanted: &ImageRef) -> bool {
    match (wanted.digest(), text.rsplit_once('@')) {
        (Some(digest), Some((_, found))) => return found == digest,
        (Some(_), None) if wanted.tag().is_none() => return false,
        _ => {}
    }
    let Ok(found) = text.parse::<ImageRef>() else { return false };
    found.name() == wanted.name() && found.tag() == wanted.tag()
}
