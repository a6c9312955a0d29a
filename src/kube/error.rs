//! Errors of the Kubernetes API. Errors about the object of a request (a Secret does not exist, a report is too
//! large) have types of their own.

use super::{MayNotAct, NoCluster, Rights};
use crate::outcome::{AGAIN, Fault};

/// Why a request to the Kubernetes API failed, whatever it was about.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KubeError {
    /// RBAC does not allow the request to the account.
    #[error("{attempt} is forbidden to {who}; {mend}")]
    Forbidden {
        /// The attempted operation and its object.
        attempt: String,
        /// The account that asked.
        who: String,
        /// The right to grant, and the way to grant it.
        mend: String,
    },
    /// RBAC does not allow this process to impersonate the account.
    #[error("{attempt}: {reason}")]
    MayNotAct {
        /// The attempted operation and its object.
        attempt: String,
        /// The account, and what to grant.
        reason: MayNotAct,
    },
    /// No API server is configured.
    #[error(
        "{reason}, which {attempt} needs; in a pod, mount the plugin's ServiceAccount token (automountServiceAccountToken: true), \
         at a terminal, set KUBECONFIG (for Secrets alone, --secrets-dir)"
    )]
    NoCluster {
        /// The attempted operation and its object.
        attempt: String,
        /// The reason.
        reason: NoCluster,
    },
    /// The API server failed, or its answer was unexpected.
    #[error("{attempt} failed at the Kubernetes API: {reason}; {AGAIN}")]
    Unavailable {
        /// The attempted operation and its object.
        attempt: String,
        /// The answer of the server, or the cause.
        reason: String,
    },
}

impl KubeError {
    /// Says whether waiting or the user can help: a failure of the API server is temporary; missing rights and configuration are the user's.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { .. } => Fault::Transient,
            Self::Forbidden { .. } | Self::MayNotAct { .. } | Self::NoCluster { .. } => Fault::User,
        }
    }
}

/// A request to the API server, as its error messages describe it.
#[derive(Debug, Clone)]
pub(crate) struct ApiRequest {
    attempt: String,
    who: String,
    /// The rights that the request is made with.
    rights: Rights,
    mend: String,
}

impl ApiRequest {
    /// Describes a request: `attempt` (``reading secret `x` in namespace `y` ``) with `rights`, which must include
    /// `right`.
    pub(crate) fn new(attempt: impl Into<String>, rights: Rights, right: impl AsRef<str>) -> Self {
        let mend = format!("{} {}", rights.grant(), right.as_ref());
        Self { attempt: attempt.into(), who: rights.to_string(), rights, mend }
    }

    /// The same request with another name for the account.
    pub(crate) fn by(self, who: &str) -> Self {
        Self { who: who.to_owned(), ..self }
    }

    pub(crate) fn no_cluster(&self, reason: NoCluster) -> KubeError {
        KubeError::NoCluster { attempt: self.attempt.clone(), reason }
    }

    pub(crate) fn unavailable(&self, reason: impl Into<String>) -> KubeError {
        KubeError::Unavailable { attempt: self.attempt.clone(), reason: reason.into() }
    }

    /// Converts an error that is not about the object of the request.
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
