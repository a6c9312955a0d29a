//! Whether each build step has a PID namespace of its own.

use k8s_openapi::api::core::v1::PodSpec;

use super::Tenants;
use crate::check::Finding;

/// buildkitd's flag that gives steps the daemon's PID namespace and `/proc` (`cmd/buildkitd/main_oci_worker.go`).
const FLAG: &str = "--oci-worker-no-process-sandbox";

/// The daemon's own answer (`seen`) takes precedence over the pod of its Deployment.
pub(super) fn judge(seen: Option<bool>, deployed: Option<&PodSpec>, tenants: &Tenants) -> Option<Finding> {
    let subject = "process sandbox of buildkitd";
    let shares = match seen {
        Some(shares) => shares,
        None => has_flag(deployed?),
    };
    if !shares {
        let text = "on: a build step sees its own processes only";
        return deployed.map(|_| Finding::ok(subject, text));
    }
    if let Some(only) = tenants.only() {
        let text = format!("off ({FLAG}), and {only} is the only namespace that builds");
        return Some(Finding::ok(subject, text));
    }
    let text = format!(
        "off ({FLAG}): a RUN reads the secrets and logins of all builds that run meanwhile, and may end the daemon; {}: \
         leave out the component buildkitd-no-process-sandbox (Kubernetes 1.33 and newer), or give each team a daemon of its own",
        tenants.who()
    );
    Some(Finding::warn(subject, text))
}

fn has_flag(pod: &PodSpec) -> bool {
    let mut words = pod.containers.iter().flat_map(|c| c.command.iter().chain(&c.args).flatten());
    words.any(|word| word == FLAG || word.strip_prefix(FLAG).is_some_and(|rest| rest == "=true"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use serde_json::json;

    fn pod(args: &[&str]) -> PodSpec {
        serde_json::from_value(json!({"containers": [{"name": "buildkitd", "args": args}]})).unwrap()
    }

    #[test]
    fn without_a_sandbox_several_namespaces_are_warned() {
        let (one, two) = (Tenants::named(&["builds"]), Tenants::named(&["builds", "team-b"]));
        let (on, off) = (pod(&[]), pod(&["--config=/etc/buildkit/buildkitd.toml", FLAG]));
        let said = |seen, deployed, tenants: &Tenants| {
            judge(seen, deployed, tenants).map(|finding| finding.to_string()).unwrap_or_default()
        };
        assert!(said(None, Some(&off), &two).starts_with("warn process sandbox of buildkitd: off"));
        assert!(said(None, Some(&off), &two).contains("2 namespaces build here (builds, team-b)"));
        assert!(said(Some(true), None, &Tenants::Unknown).starts_with("warn"));
        assert!(said(Some(true), None, &one).starts_with("ok"));
        assert!(said(None, Some(&on), &two).starts_with("ok"));
        assert_eq!(said(Some(false), None, &two), "");
        assert_eq!(said(None, None, &two), "");
        // The running daemon counts, not the Deployment that is still to be rolled out.
        assert!(said(Some(true), Some(&on), &two).starts_with("warn"));
    }
}
