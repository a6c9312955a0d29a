//! Why the lease cannot be read, taken, renewed or watched now.

use crate::kube::{ApiRequest, KubeError, Rights};

/// An error of a request for the lease. Each is temporary, or an administrator can fix it meanwhile, so the election
/// never stops because of one.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The request to the API server failed.
    #[error(transparent)]
    Kube(#[from] KubeError),
    /// The namespace does not exist.
    #[error("{attempt} failed: {why}; create the namespace, or put the Lease into another one")]
    NoNamespace { attempt: String, why: String },
}

/// An operation on a Lease, for error messages.
pub(super) struct LeaseOperation {
    attempt: String,
    request: ApiRequest,
}

impl LeaseOperation {
    /// Describes the operation `doing` (`reading`) on `lease`.
    pub(super) fn new(doing: &str, lease: &impl ToString) -> Self {
        let attempt = format!("{doing} {}", lease.to_string());
        let right = "get, create, update and watch on `leases` of API group coordination.k8s.io (a Role in that namespace)";
        let request =
            ApiRequest::new(attempt.clone(), Rights::Own, right).by("this process's ServiceAccount");
        Self { attempt, request }
    }

    /// The description of the request.
    pub(super) fn request(&self) -> &ApiRequest {
        &self.request
    }

    /// Converts the error of the operation.
    pub(super) fn problem(self, error: &kube::Error) -> Problem {
        match error {
            // A missing Lease is handled before, so the namespace is missing.
            kube::Error::Api(status) if status.code == 404 => {
                Problem::NoNamespace { attempt: self.attempt, why: status.message.clone() }
            }
            error => self.request.failed(error).into(),
        }
    }
}
