//! Why the Kubernetes API did not do what was asked. What else its answers may say (there is no such Secret, a report is too
//! large) stands beside it in errors of their own.

use super::{MayNotAct, NoCluster, Rights};
use crate::outcome::{AGAIN, Fault};

/// A request that the Kubernetes API did not serve, whatever it was about.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KubeError {
    /// RBAC refuses the account.
    #[error("{attempt} is forbidden to {who}; {mend}")]
    Forbidden {
        /// What was attempted, on what.
        attempt: String,
        /// The account that asked.
        who: String,
        /// The right to grant, and how.
        mend: String,
    },
    /// RBAC refuses us to act as the account.
    #[error("{attempt}: {reason}")]
    MayNotAct {
        /// What was attempted, on what.
        attempt: String,
        /// The account, and what to grant.
        reason: MayNotAct,
    },
    /// There is no API server to ask.
    #[error(
        "{reason}, which {attempt} needs; in a pod, mount the plugin's ServiceAccount token (automountServiceAccountToken: true), \
         at a terminal, set KUBECONFIG (for Secrets alone, --secrets-dir)"
    )]
    NoCluster {
        /// What was attempted, on what.
        attempt: String,
        /// Why there is none.
        reason: NoCluster,
    },
    /// The API server failed, or said something else.
    #[error("{attempt} failed at the Kubernetes API: {reason}; {AGAIN}")]
    Unavailable {
        /// What was attempted, on what.
        attempt: String,
        /// What it said.
        reason: String,
    },
}

impl KubeError {
    /// Whose turn it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { .. } => Fault::Transient,
            Self::Forbidden { .. } | Self::MayNotAct { .. } | Self::NoCluster { .. } => Fault::User,
        }
    }
}

/// What is asked of the API server, as its failure will be told.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    attempt: String,
    who: String,
    /// The rights that it is made with.
    rights: Rights,
    mend: String,
}

impl Request {
    /// A request to `attempt` (`reading secret `x` in namespace `y``), for which `rights` need `right`.
    pub(crate) fn new(attempt: impl Into<String>, rights: Rights, right: impl AsRef<str>) -> Self {
        let mend = format!("{} {}", rights.grant(), right.as_ref());
        Self { attempt: attempt.into(), who: rights.to_string(), rights, mend }
    }

    /// The same by this process itself, which is called `who`.
    pub(crate) fn by(self, who: &str) -> Self {
        Self { who: who.to_owned(), ..self }
    }

    pub(crate) fn no_cluster(&self, reason: NoCluster) -> KubeError {
        KubeError::NoCluster { attempt: self.attempt.clone(), reason }
    }

    pub(crate) fn unavailable(&self, reason: impl Into<String>) -> KubeError {
        KubeError::Unavailable { attempt: self.attempt.clone(), reason: reason.into() }
    }

    /// What `error` is, when it says nothing of the object.
    pub(crate) fn failed(&self, error: &kube::Error) -> KubeError {
        match error {
            kube::Error::Api(status) if status.code == 403 => match self.rights.not_ours(status) {
                Some(reason) => KubeError::MayNotAct { attempt: self.attempt.clone(), reason },
                None => self.forbidden(),
            },
            other => self.unavailable(super::reason(other)),
        }
    }

    pub(crate) fn forbidden(&self) -> KubeError {
        let (attempt, who, mend) = (self.attempt.clone(), self.who.clone(), self.mend.clone());
        KubeError::Forbidden { attempt, who, mend }
    }
}
