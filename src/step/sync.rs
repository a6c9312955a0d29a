//! `sync`: waits until a commit is deployed, and its images run.

mod fields;
mod lists;
mod revert;
mod table;

use std::time::Duration;

use super::{Mention, MentionKind, SecretKey, SecretRef};
use crate::argocd::Application;
use crate::git::{Identity, RepoUrl};
use crate::oci::ImageRef;
pub(super) use fields::read;
use table::KINDS;
pub(super) use table::SPEC;

/// The most Applications, workloads and images of one step, each.
pub const MOST: usize = 50;

/// The field that names Applications, for messages of the policy.
pub(crate) const FIELD: &str = "sync.applications";

/// A valid `sync` step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    /// If false, the step does nothing and sends no request. This is for templates with a parameter that turns it on.
    pub enabled: bool,
    /// The Applications to wait for.
    pub applications: Vec<SyncTarget>,
    /// The workloads to wait for, for clusters without Argo CD.
    pub workloads: Vec<Workload>,
    /// The commit of the GitOps repository that must be deployed.
    pub commit: Option<String>,
    /// The images that each of them must run, unless it has its own list; each has a tag or a digest.
    pub images: Vec<ImageRef>,
    /// The repository that says which commit descends from ours.
    pub gitops: Option<GitOps>,
    /// The newer source commit that was deployed in place of ours, as `update-manifest` found; then there is nothing to wait for.
    pub superseded_by: Option<String>,
    /// Whether a sync is started where Argo CD does not by itself.
    pub start_sync: bool,
    /// Whether a failed automated sync of an older commit is ended, because it keeps ours waiting.
    pub stop_older_sync: bool,
    /// How long pods may be in trouble before the step fails.
    pub stuck_after: Duration,
    /// What is done when the deployment of the commit has failed.
    pub on_degraded: OnDegraded,
}

/// What a step does when the deployment of its commit has failed. It fails in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDegraded {
    /// Nothing more.
    Fail,
    /// It reverts the commit with another one.
    Revert(Box<Revert>),
}

/// The commit that reverts ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revert {
    /// The GitOps repository, and a login that may push.
    pub gitops: GitOps,
    /// The branch that our commit is on, without `refs/heads/`.
    pub branch: String,
    /// The author.
    pub author: Identity,
    /// The committer.
    pub committer: Identity,
    /// An OpenSSH private key that signs the commit.
    pub signing_key: Option<SecretKey>,
}

/// One or several Applications, and what they must run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncTarget {
    /// Which Applications.
    pub choice: ApplicationChoice,
    /// The images that each must run; without them, those of the step.
    pub images: Option<Vec<ImageRef>>,
}

/// An Application, or all with some labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationChoice {
    /// One Application.
    Named(Application),
    /// The Applications that have these labels when the step begins, such as those of an ApplicationSet.
    Labelled {
        /// Their namespace.
        namespace: String,
        /// The labels, in the form of `kubectl`.
        labels: String,
    },
}

/// A workload, and what it must run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its namespace; without one, that of the workflow.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The images that it must run; without them, those of the step.
    pub images: Option<Vec<ImageRef>>,
}

/// A kind of workload whose rollout can be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadKind {
    /// `apps/v1`.
    Deployment,
    /// `apps/v1`.
    StatefulSet,
    /// `apps/v1`.
    DaemonSet,
    /// `argoproj.io/v1alpha1`, of Argo Rollouts.
    Rollout,
}

/// The GitOps repository, and its login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitOps {
    /// The repository.
    pub repo: RepoUrl,
    /// The login that may read it, and push to it if the step reverts.
    pub secret: Option<SecretRef>,
}

impl WorkloadKind {
    /// Its name in Kubernetes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Rollout => "Rollout",
        }
    }

    /// The kind of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// Destructured completely, so that a new field does not compile until someone decides about it.
pub(super) fn mentions(sync: &Sync) -> Vec<Mention> {
    let Sync {
        applications,
        gitops,
        // Only read, with the rights of the workflow's own namespace.
        workloads: _,
        // Compared with what the API server says. No registry is asked.
        images: _,
        commit: _,
        superseded_by: _,
        // What is done with the Applications.
        enabled: _,
        start_sync: _,
        stop_older_sync: _,
        stuck_after: _,
        // Its repository is `gitops`, and its key is a Secret of the workflow's own namespace.
        on_degraded: _,
    } = sync;
    let named = applications.iter().filter_map(|each| match &each.choice {
        ApplicationChoice::Named(application) => {
            let name = format!("{}/{}", application.namespace, application.name);
            Some(Mention::new(MentionKind::Applications, FIELD, name))
        }
        // The engine checks each of them when it knows their names.
        ApplicationChoice::Labelled { .. } => None,
    });
    let repository = gitops.iter().map(|gitops| Mention::repository("sync.repo", &gitops.repo));
    named.chain(repository).collect()
}
