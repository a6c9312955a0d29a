//! The shared agent, which is there for its own runs only: the others have the machine to themselves.

use crate::cluster::{PATIENCE, eventually, kubectl};
use crate::mode::{AGENT, leader};

const DEPLOYMENT: [&str; 3] = ["-n", AGENT, "deployment/buildkit-agent"];

/// The rights that `deploy/components/agent-rights` takes from Argo's agent pods, which the runs with sidecars need.
const RIGHTS: &str = "deploy/base/builds/workflow-account.yaml";

/// Gives the accounts of workflows what they need where sidecars work.
pub(crate) fn allow_sidecars() {
    kubectl(&["apply", "--server-side", "--force-conflicts", "-n", "builds", "-f", RIGHTS]);
}

/// Lets it do the steps of `builds`, or leaves them to sidecars. No workflow may run.
pub(crate) fn switch(on: bool) {
    let label = if on { "argo-buildkit.io/agent=shared" } else { "argo-buildkit.io/agent-" };
    kubectl(&["label", "--overwrite", "namespace", "builds", label]);
    let replicas = if on { "--replicas=2" } else { "--replicas=0" };
    kubectl(&[&["scale", replicas], &DEPLOYMENT[..]].concat());
    if on {
        kubectl(&[&["rollout", "status", "--timeout=5m"], &DEPLOYMENT[..]].concat());
        leader();
    } else {
        let pods = || kubectl(&["get", "pods", "-n", AGENT, "-o", "name"]);
        eventually(|| format!("the end of {}", pods()), PATIENCE, || pods().is_empty().then_some(()));
    }
}
