//! The admission policy that keeps agent pods from starting, for an Argo that cannot turn them off.

use serde_json::Value;

use super::{LABEL, SHARED};
use crate::check::api_login::unread;
use crate::check::{Doctor, Finding, Site};
use crate::kube::{Cluster, ReadError};

/// The name of the policy and of its binding.
const NAME: &str = "buildkit-agent-gate";
const GROUP: &str = "admissionregistration.k8s.io";
const POLICY: &str = "MutatingAdmissionPolicy";
const BINDING: &str = "MutatingAdmissionPolicyBinding";
/// API versions, newest first. v1 came with Kubernetes 1.36.
const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha1"];
/// The command that installs a working gate.
const APPLY: &str = "apply deploy/components/agent-gate";

/// The policy and its binding.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) policy: Result<Option<Value>, ReadError>,
    pub(super) binding: Result<Option<Value>, ReadError>,
}

impl Doctor {
    /// Reads the gate, whether or not it works.
    pub(super) async fn gate(&self) -> Gate {
        let cluster = &self.engine.cluster;
        Gate { policy: read(cluster, POLICY).await, binding: read(cluster, BINDING).await }
    }
}

async fn read(cluster: &Cluster, kind: &str) -> Result<Option<Value>, ReadError> {
    cluster.find_versioned(GROUP, &VERSIONS, kind, NAME).await
}

impl Gate {
    /// The findings about the gate.
    pub(super) fn judge(&self, subject: &str, site: &Site) -> Vec<Finding> {
        let mut wrong: Vec<_> = [(POLICY, &self.policy), (BINDING, &self.binding)]
            .iter()
            .filter_map(|(k, r)| gone(subject, k, r))
            .collect();
        // If the cluster lacks the kind, both objects are missing. One line says so.
        wrong.dedup();
        wrong.extend(self.policy.iter().flatten().flat_map(|policy| flaws(subject, policy)));
        wrong.extend(self.binding.iter().flatten().filter_map(|binding| unbound(subject, binding)));
        if wrong.is_empty() {
            let text = format!(
                "shared agent, by the gate: {POLICY} {NAME} keeps the agent pods of {} from starting",
                site.namespace
            );
            wrong.push(Finding::ok(subject, text));
        }
        wrong
    }
}

/// The finding for a missing gate: without the gate, the label alone has no effect.
fn gone(subject: &str, kind: &str, read: &Result<Option<Value>, ReadError>) -> Option<Finding> {
    let races = "agent pods start, find no plugin, and race the shared agent";
    match read {
        Ok(Some(_)) => None,
        Ok(None) => Some(Finding::fail(
            subject,
            format!(
                "the namespace has the label {LABEL}={SHARED}, and there is no {kind} {NAME}: {races}; {APPLY}, or \
                 remove the label"
            ),
        )),
        Err(ReadError::NoSuchKind(_)) => Some(Finding::fail(
            subject,
            format!(
                "the namespace has the label {LABEL}={SHARED}, and this API server has no {POLICY} (Kubernetes 1.36, \
                 or 1.34 with it enabled): {races}; remove the label, or use disableAgentPodCreation of Argo 4.1"
            ),
        )),
        Err(error) => Some(unread(subject, error)),
    }
}

fn flaws(subject: &str, policy: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    let mutations = policy["spec"]["mutations"].as_array();
    if mutations.into_iter().flatten().any(|mutation| mutation["patchType"] == "JSONPatch") {
        let text = format!(
            "{POLICY} {NAME} has the patchType JSONPatch, on which kube-apiserver panics (1.36.3): no agent pod can be \
             made, and nodes end as Error; {APPLY}, which has ApplyConfiguration"
        );
        found.push(Finding::fail(subject, text));
    }
    if !policy["spec"]["matchConstraints"]["objectSelector"]["matchLabels"].is_null() {
        let text = format!(
            "{POLICY} {NAME} looks at labels, which a workflow gives its own agent pod (podMetadata): one that starts \
             races the shared agent; {APPLY}, which looks at its name and owner"
        );
        found.push(Finding::warn(subject, text));
    }
    if policy["spec"]["failurePolicy"] == "Ignore" {
        let text = format!(
            "{POLICY} {NAME} has failurePolicy Ignore: where it cannot be evaluated, an agent pod starts all the same \
             and races the shared agent; set Fail"
        );
        found.push(Finding::warn(subject, text));
    }
    found
}

fn unbound(subject: &str, binding: &Value) -> Option<Finding> {
    let policy = binding["spec"]["policyName"].as_str().unwrap_or_default();
    let text = format!("{BINDING} {NAME} binds the policy `{policy}`, so agent pods start; {APPLY}");
    (policy != NAME).then(|| Finding::fail(subject, text))
}
