//! Why a lease cannot be seen, taken, renewed or watched, now.

use crate::kube::{NoCluster, reason};
use crate::time_limits::Late;

/// Each passes, or is put right by an administrator meanwhile; nobody gives up because of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// RBAC refuses this process.
    #[error(
        "this process may not {verb} {lease}; grant its ServiceAccount get, create, update and watch on `leases` of \
         API group coordination.k8s.io (a Role in that namespace)"
    )]
    Forbidden { verb: &'static str, lease: String },
    /// There is no API server to ask.
    #[error("cannot ask for a Lease: {0}")]
    NoCluster(#[from] NoCluster),
    /// Nothing was answered.
    #[error("cannot {verb} {lease}: {late}")]
    Late { verb: &'static str, lease: String, late: Late },
    /// The namespace is not there.
    #[error("cannot {verb} {lease}: {why}; create the namespace, or put the Lease into another one")]
    NoNamespace { verb: &'static str, lease: String, why: String },
    /// It failed, or says something else.
    #[error("cannot {verb} {lease}: {why}")]
    Unavailable { verb: &'static str, lease: String, why: String },
}

impl Problem {
    /// The error of an attempt to `verb` a Lease.
    pub(super) fn of(verb: &'static str, lease: String, error: &kube::Error) -> Self {
        let why = match error {
            kube::Error::Api(status) if status.code == 403 => return Self::Forbidden { verb, lease },
            // A missing Lease is no error.
            kube::Error::Api(status) if status.code == 404 => {
                return Self::NoNamespace { verb, lease, why: status.message.clone() };
            }
            kube::Error::Api(status) => status.message.clone(),
            other => reason(other),
        };
        Self::Unavailable { verb, lease, why }
    }
}
