//! What the waits of one step share: the order of commits, the rights to pods, and the progress.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tracing::info;

use super::look::Looker;
use super::wait_progress::WaitProgress;
use crate::argocd::{Application, ArgoCdError, RevisionOrder, RevisionOrders};
use crate::engine::Engine;
use crate::engine::context::Cx;
use crate::kube::KubeError;
use crate::oci::ImageRef;
use crate::outcome::StepError;
use crate::step::Sync;
use crate::step::sync::{ApplicationChoice, FIELD, MOST};
use crate::time_limits::{calls, within};
use crate::write_back::{CommitOrder, SourceCommit, compare_ancestry};

/// A wait ends this long before the step's deadline, because its error says more than a timeout.
const MARGIN: Duration = Duration::from_secs(1);

/// The context of all waits of one step.
pub(super) struct Shared<'a> {
    pub(super) engine: &'a Engine,
    pub(super) sync: &'a Sync,
    pub(super) cx: &'a Cx,
    pub(super) progress: WaitProgress,
    pub(super) looker: Looker<'a>,
    orders: Mutex<RevisionOrders>,
    /// Held while the GitOps repository is asked.
    asking: AsyncMutex<()>,
    remarks: Mutex<Vec<String>>,
}

/// An Application to wait for, and the images that it must run.
#[derive(Debug, Clone)]
pub(super) struct Target<'a> {
    pub(super) application: Application,
    pub(super) images: &'a [ImageRef],
}

/// A wait that reached its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrived {
    /// The name of the Application or workload.
    pub(super) name: String,
    /// The revision that is deployed; empty for a workload.
    pub(super) revision: String,
    /// The health.
    pub(super) health: &'static str,
}

/// A wait that ended otherwise. It ends the others too.
#[derive(Debug)]
pub(super) enum Ended {
    /// The newer commit `by` was deployed in place of ours.
    Superseded {
        /// The Application in which it was seen; `None` if an earlier step has found it.
        name: Option<String>,
        by: String,
    },
    Failed(StepError),
    /// The wait has failed, and our commit is the reason. So the commit can be reverted.
    CommitFailure(CommitFailure),
}

/// A deployment that has failed because of our commit.
#[derive(Debug)]
pub(super) struct CommitFailure {
    /// What has failed, in one clause.
    pub(super) cause: String,
    /// Whether the Application was Degraded before our commit, too.
    pub(super) was_degraded_before: bool,
    pub(super) error: StepError,
}

impl From<StepError> for Ended {
    fn from(error: StepError) -> Self {
        Self::Failed(error)
    }
}

impl From<ArgoCdError> for Ended {
    fn from(error: ArgoCdError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<KubeError> for Ended {
    fn from(error: KubeError) -> Self {
        Self::Failed(error.into())
    }
}

impl<'a> Shared<'a> {
    pub(super) fn new(engine: &'a Engine, sync: &'a Sync, cx: &'a Cx) -> Self {
        let (orders, remarks) = (Mutex::default(), Mutex::default());
        let looker = Looker::new(&engine.cluster, &cx.workflow.namespace);
        let progress = WaitProgress::default();
        let asking = AsyncMutex::default();
        Self { engine, sync, cx, progress, looker, orders, asking, remarks }
    }

    /// The namespace of the workflow, whose rights are used.
    pub(super) fn tenant(&self) -> &str {
        &self.cx.workflow.namespace
    }

    /// The time by which every wait must have ended.
    pub(super) fn deadline(&self) -> Instant {
        self.cx.before_deadline(MARGIN)
    }

    /// The Applications of the step, those with labels by their names.
    pub(super) async fn targets(&self) -> Result<Vec<Target<'a>>, StepError> {
        let mut targets: Vec<Target<'a>> = Vec::new();
        for target in &self.sync.applications {
            let images = target.images.as_ref().unwrap_or(&self.sync.images);
            for application in self.chosen(&target.choice).await? {
                // The same one may be wanted with other images, too.
                let is_known =
                    |known: &Target<'_>| known.application == application && known.images == images;
                if !targets.iter().any(is_known) {
                    targets.push(Target { application, images });
                }
            }
            if targets.len() > MOST {
                break;
            }
        }
        match targets.len() {
            count if count > MOST => Err(StepError::user(format!(
                "the step waits for {count} Applications or more, and at most {MOST} are taken; narrow the labels, or split the step"
            ))),
            _ => Ok(targets),
        }
    }

    async fn chosen(&self, choice: &ApplicationChoice) -> Result<Vec<Application>, StepError> {
        let (namespace, labels) = match choice {
            ApplicationChoice::Named(application) => return Ok(vec![application.clone()]),
            ApplicationChoice::Labelled { namespace, labels } => (namespace, labels),
        };
        self.cx.now(format!("looking for the Applications with the labels {labels}"));
        let applications = self.engine.argocd.applications(self.tenant(), namespace).await?;
        // One more than may be, to notice that there are more.
        let most = u32::try_from(MOST).unwrap_or(u32::MAX).saturating_add(1);
        let names = applications.labelled(labels, most).await?;
        if names.is_empty() {
            return Err(StepError::user(format!(
                "no Application in namespace `{namespace}` has the labels {labels}; correct `labels`, or create them first"
            )));
        }
        let named = |name| Application { namespace: namespace.clone(), name };
        let found: Vec<_> = names.into_iter().map(named).collect();
        for application in &found {
            let permitted = self.engine.tenancy.permits_application(self.tenant(), FIELD, application);
            permitted.map_err(StepError::user)?;
        }
        Ok(found)
    }

    /// The answers about revisions so far.
    pub(super) fn orders(&self) -> MutexGuard<'_, RevisionOrders> {
        self.orders.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Asks the GitOps repository whether `revision` descends from our commit, and keeps the answer.
    pub(super) async fn ask(&self, revision: &str) -> Result<(), StepError> {
        // The Applications of one step are mostly at the same revision: one of them asks.
        let _turn = self.asking.lock().await;
        if self.orders().contains_key(revision) {
            return Ok(());
        }
        let limit = calls::GIT_QUESTION.whole();
        let asked = within(limit, "the server of the GitOps repository", self.order_of(revision)).await;
        let order = asked.map_err(|late| StepError::transient(late.to_string()))??;
        self.orders().insert(revision.to_owned(), order);
        Ok(())
    }

    async fn order_of(&self, revision: &str) -> Result<RevisionOrder, StepError> {
        let (Some(gitops), Some(commit)) = (&self.sync.gitops, &self.sync.commit) else {
            return Ok(RevisionOrder::Unknown);
        };
        let credentials = self.engine.git_credentials(self.cx, &gitops.repo, gitops.secret.as_ref()).await?;
        let git = self.engine.tenant_git(self.cx);
        let ours = SourceCommit { repo: gitops.repo.clone(), credentials, commit: commit.clone() };
        Ok(match compare_ancestry(&git, &ours, revision).await? {
            CommitOrder::Older => RevisionOrder::Newer,
            CommitOrder::Newer => RevisionOrder::Older,
            CommitOrder::Unknown(why) => {
                info!("cannot tell whether {revision} descends from our commit {commit}: {why}");
                RevisionOrder::Unknown
            }
        })
    }

    /// Keeps a sentence for the output `remarks`, once.
    pub(super) fn remark(&self, remark: String) {
        let mut remarks = self.remarks.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }

    /// All sentences that were kept.
    pub(super) fn remarks(&self) -> Vec<String> {
        self.remarks.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}
