//! The shared agent, which is there for its own runs only: the others have the machine to themselves.

use crate::cluster::{PATIENCE, eventually, kubectl};
use crate::mode::{AGENT, leader};

const DEPLOYMENT: [&str; 3] = ["-n", AGENT, "deployment/buildkit-agent"];

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
