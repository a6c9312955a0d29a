//! What a build step can see of other steps, and with which rights it may run.

use super::rival::Rival;
use crate::cluster::{NODE, apply_folder, attempt, kubectl};
use crate::install;
use crate::stops::Endless;

/// Keeps its secrets in its environment and in a file.
const VICTIM: &str = "FROM BASE\nCOPY main.txt /told.txt\nRUN export TOLD=secret-of-tenant-a; echo $TOLD > /told; sleep NUMBER\n";

/// Fails if it sees other processes than its own, or the victim's secrets. Its own command line does not contain the
/// searched text.
const WALK: &str = "FROM BASE\nRUN echo ROUND; for p in /proc/[0-9]*; do cat $p/environ $p/cmdline $p/root/told 2>/dev/null; done \
    | tr '\\0' '\\n' > /seen; cat /seen; [ -s /seen ] && ! grep 'of-[t]enant-a' /seen && ! grep 'sleep NUMBER' /seen\n";

#[tokio::test]
async fn a_step_that_walks_proc_sees_nothing_of_a_neighbours_running_step() {
    let rival = Rival::shared().await;
    let victim = Endless::with(VICTIM).await;
    let building = victim.start(&[]);
    let number = victim.marker.strip_prefix("sleep ").unwrap();
    // The pattern must not match the attacker itself.
    let pattern = format!("[{}]{}", &number[..1], &number[1..]);
    let walk = WALK.replace("ROUND", number).replace("sleep NUMBER", &format!("sleep {pattern}"));
    rival.builds(&walk).succeeds();
    assert!(victim.runs(), "the victim's step ran all the while: {}", building.report());
    attempt("argo", &["terminate", "-n", &building.namespace, &building.name]).unwrap();
    victim.gone("terminate");
}

#[tokio::test]
async fn a_frontend_of_the_attackers_own_is_refused() {
    let rival = Rival::shared().await;
    let workflow = rival.builds(&format!("# syntax={NODE}:5000/busybox:1\nFROM BASE\n"));
    let message = workflow.refused();
    assert!(message.contains("is not an allowed gateway source"), "{message}");
}

/// The component for one team, as a second daemon for that team (deploy/README.md).
const FOR_ONE_TEAM: &str = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: buildkit-b
resources: [../../deploy/base/buildkitd]
components: [../../deploy/components/buildkitd-no-process-sandbox]
images: [{name: moby/buildkit, newName: REGISTRY/buildkit, newTag: rootless}]
patches:
- target: {kind: Deployment, name: buildkitd}
  patch: |-
    - {op: remove, path: /spec/template/spec/containers/0/resources/requests}
    - {op: replace, path: /spec/template/spec/volumes/2, value: {name: state, emptyDir: {}}}
";

/// Only for sidecars: `make e2e` skips it with the shared agent.
mod sidecar {
    use super::*;

    /// Checks that it starts, and that `check` recognizes it.
    #[tokio::test]
    async fn the_daemon_for_one_team_runs_and_says_that_its_steps_share_processes() {
        install::site().await;
        apply_folder(&FOR_ONE_TEAM.replace("REGISTRY", &format!("{NODE}:5000")));
        let certificates =
            "scripts/certificates --daemon buildkit-b --clients buildkit-b | kubectl apply -f -";
        attempt("bash", &["-euo", "pipefail", "-c", certificates]).unwrap();
        kubectl(&["rollout", "status", "-n", "buildkit-b", "deployment/buildkitd", "--timeout=3m"]);
        let workers = |namespace: &str| {
            let exec = ["exec", "-n", namespace, "deployment/buildkitd", "--"];
            kubectl(&[&exec[..], &["buildctl", "debug", "workers", "-v"]].concat())
        };
        let said = workers("buildkit-b");
        assert!(said.contains("no-sandbox"), "{said}");
        let said = workers("buildkit");
        assert!(said.contains("process-mode") && !said.contains("no-sandbox"), "{said}");
        kubectl(&["delete", "namespace", "buildkit-b", "--wait=false"]);
    }
}
