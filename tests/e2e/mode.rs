//! The two modes of the suite: a sidecar in a pod for each workflow, or the shared agent. `make e2e` runs it in both.

use serde_json::Value;

use crate::cluster::{PATIENCE, attempt, eventually, get, list};

/// The component that runs the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Sidecar,
    Agent,
}

/// The namespace of the shared agent, and the name of most things in it.
pub(crate) const AGENT: &str = "buildkit-agent";

/// The label of the agent's pods.
pub(crate) const AGENT_PODS: &str = "app.kubernetes.io/name=buildkit-agent";

/// The mode that `ARGO_BUILDKIT_E2E_MODE` names.
pub(crate) fn mode() -> Mode {
    match std::env::var("ARGO_BUILDKIT_E2E_MODE").as_deref() {
        Ok("agent") => Mode::Agent,
        Ok("sidecar") | Err(_) => Mode::Sidecar,
        Ok(other) => panic!("ARGO_BUILDKIT_E2E_MODE={other}: there are `sidecar` and `agent`"),
    }
}

impl Mode {
    /// The kustomization that is applied last.
    pub(crate) fn overlay(self) -> &'static str {
        match self {
            Self::Sidecar => "tests/cluster/overlay",
            Self::Agent => "tests/cluster/overlay-agent",
        }
    }
}

/// Waits for the pod of the leading replica.
pub(crate) fn leader() -> Value {
    let found = || {
        let lease = get(AGENT, "lease", AGENT);
        let holder = lease["spec"]["holderIdentity"].as_str()?;
        let is_it = |pod: &Value| holder.contains(pod["metadata"]["name"].as_str().unwrap());
        list(AGENT, "pod", AGENT_PODS).into_iter().find(is_it)
    };
    eventually(|| format!("a leader: {}", get(AGENT, "lease", AGENT)), PATIENCE, found)
}

/// The logs of both replicas.
pub(crate) fn agent_log() -> String {
    let arguments = ["logs", "-n", AGENT, "-l", AGENT_PODS, "--tail=-1", "--prefix"];
    attempt("kubectl", &arguments).unwrap_or_else(|error| error)
}
