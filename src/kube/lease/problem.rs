//! Why a lease cannot be seen, taken, renewed or watched, now.

use crate::kube::{KubeError, Request, Rights};

/// Each passes, or is put right by an administrator meanwhile; nobody gives up because of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The API server did not do it.
    #[error(transparent)]
    Kube(#[from] KubeError),
    /// The namespace is not there.
    #[error("{attempt} failed: {why}; create the namespace, or put the Lease into another one")]
    NoNamespace { attempt: String, why: String },
}

/// One way to use a Lease.
pub(super) struct Use {
    attempt: String,
    request: Request,
}

impl Use {
    /// To `do` (`reading`) what is said of `lease`.
    pub(super) fn new(doing: &str, lease: &impl ToString) -> Self {
        let attempt = format!("{doing} {}", lease.to_string());
        let right = "get, create, update and watch on `leases` of API group coordination.k8s.io (a Role in that namespace)";
        let request = Request::new(attempt.clone(), Rights::Own, right).by("this process's ServiceAccount");
        Self { attempt, request }
    }

    /// What is asked of the API server.
    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// The problem that `error` is.
    pub(super) fn problem(self, error: &kube::Error) -> Problem {
        match error {
            // A missing Lease is no error.
            kube::Error::Api(status) if status.code == 404 => {
                Problem::NoNamespace { attempt: self.attempt, why: status.message.clone() }
            }
            error => self.request.failed(error).into(),
        }
    }
}
