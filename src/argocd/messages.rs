//! The sentences about a wait: what is going on, and, when it has taken too long, what is wrong and what to do.

use super::standing::Waiting;
use super::state::Health;

impl Waiting {
    /// What is going on, for the progress of a step.
    pub fn progress(&self) -> String {
        match self {
            Self::NoStatus => "no controller has looked at it yet".to_owned(),
            Self::Comparing => "Argo CD compares it with Git".to_owned(),
            Self::Refused { condition, message } => format!("{condition}: {message}"),
            Self::NotCompared { message } => format!("Argo CD cannot compare it: {message}"),
            Self::OtherRevision { revision, .. } => {
                format!("Argo CD is at {}, without our commit", short(revision))
            }
            Self::OlderSync { revision, retries, .. } => format!(
                "a failed sync of the older {} is repeated (attempt {}), and ours waits for its end",
                short(revision),
                retries + 1
            ),
            Self::Window => "a sync window is closed".to_owned(),
            Self::Syncing { message, retries: 0, .. } if message.is_empty() => "being synced".to_owned(),
            Self::Syncing { message, retries: 0, .. } => format!("being synced: {message}"),
            Self::Syncing { message, retries, problem } => {
                let why = if problem.is_empty() { message } else { problem };
                format!("being synced, attempt {}: {why}", retries + 1)
            }
            Self::SyncFailed { problem } => format!("the sync failed: {problem}"),
            Self::OutOfSync { .. } => "OutOfSync, and no sync has begun".to_owned(),
            Self::StillDiffers => "synced, and still OutOfSync".to_owned(),
            Self::NotHealthy { health } => health.name().to_owned(),
            Self::Degraded => Health::Degraded.name().to_owned(),
            Self::NoImage { image, .. } => format!("{image} does not run yet"),
        }
    }

    /// What is wrong, and what to do. It follows the name of the Application.
    pub fn problem(&self) -> String {
        match self {
            Self::NoStatus => "is not handled by any controller: its `status` never appears; create it in Argo CD's own namespace, \
                               or add its namespace to `application.namespaces` of argocd-cmd-params-cm"
                .to_owned(),
            Self::Comparing => "was not compared with Git, although a refresh was requested; look whether Argo CD's application \
                                controller and repo server run, and at their logs"
                .to_owned(),
            Self::Refused { condition, message } => {
                format!("has the condition {condition}: {message}; correct the Application or its AppProject")
            }
            Self::NotCompared { message } => format!(
                "cannot be compared with Git: {message}; correct the manifests, or the repository and its login in Argo CD. \
                 Its health is that of an older commit"
            ),
            Self::OtherRevision { revision, is_older } => other_revision(revision, *is_older),
            Self::OlderSync { revision, retries, problem } => format!(
                "repeats a failed sync of the older revision {} (attempt {}), so ours is not applied: {problem}; set \
                 `stop-older-sync: true`, or `syncPolicy.retry.refresh: true` in the Application",
                short(revision),
                retries + 1
            ),
            Self::Window => "waits for a sync window: a `deny` window is active, or no `allow` window is; change `syncWindows` of its \
                             AppProject, or give the step more time"
                .to_owned(),
            Self::Syncing { message, retries, problem } => syncing(message, *retries, problem),
            Self::SyncFailed { problem } => {
                format!("could not be synced: {problem}; correct the manifest, or what the AppProject allows. Argo CD does not sync a commit \
                         again that has failed; `start-sync: true` does, once the cause is gone")
            }
            Self::OutOfSync { is_automated: false } => "is OutOfSync and has no automated sync; set `start-sync: true`, or \
                                                        `syncPolicy.automated` in the Application"
                .to_owned(),
            Self::OutOfSync { is_automated: true } => "is OutOfSync, and its automated sync does not begin; look at the sync windows of its \
                                                       AppProject: a `deny` window shows nothing in the Application"
                .to_owned(),
            Self::StillDiffers => "was synced and is still OutOfSync: a resource must be removed (`syncPolicy.automated.prune: true`), or \
                                   something changes a resource after the sync (`ignoreDifferences`); look at its diff in Argo CD"
                .to_owned(),
            Self::NotHealthy { health } => not_healthy(*health),
            Self::Degraded => "is Degraded; look at its resources in Argo CD, and at the logs of its pods".to_owned(),
            Self::NoImage { image, .. } => format!(
                "is Synced and Healthy without {image}; compare the image with the files of the Application's source, and its \
                 `ignoreDifferences`, which may keep an image from the cluster"
            ),
        }
    }
}

fn other_revision(revision: &str, is_older: bool) -> String {
    let why = match is_older {
        true => {
            "is older than our commit; compare the `repoURL` and `targetRevision` of its source with the branch that was committed to"
        }
        false => {
            "is not known to have our commit; name the GitOps repository in `repo`, so that the step can ask, and compare it with \
             the `repoURL` and `targetRevision` of its source"
        }
    };
    format!("is at revision {}, which {why}", short(revision))
}

fn syncing(message: &str, retries: u64, problem: &str) -> String {
    match problem {
        "" => format!(
            "is still being synced ({message}); look at its hooks and sync waves, or give the step more time"
        ),
        problem => format!(
            "could not be synced yet (attempt {}): {problem}; correct the manifest, or what the AppProject allows",
            retries + 1
        ),
    }
}

fn not_healthy(health: Health) -> String {
    let advice = match health {
        Health::Suspended => "resume what was paused",
        Health::Missing => "look which of its resources was not made",
        _ => "look at the events and logs of its pods, or give the step more time",
    };
    format!("is still {}; {advice}", health.name())
}

/// The beginning of a commit, as people write it. Other revisions are whole.
pub(crate) fn short(revision: &str) -> &str {
    match crate::git::advert::is_oid(revision) {
        true => &revision[..10],
        false => revision,
    }
}
