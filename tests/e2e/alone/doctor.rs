//! `argo-buildkit check`: as a Job, with missing objects, and for a workflow that does not progress.

use crate::cluster::{NODE, PATIENCE, apply, attempt, eventually, get, kubectl, tree};
use crate::install;
use crate::mode::{AGENT, Mode, mode};
use crate::shop::Shop;
use crate::workflow::BUILDS;

/// The standard output of `check`, with any exit code.
pub(crate) fn check(arguments: &[&str]) -> String {
    let binary = env!("CARGO_BIN_EXE_argo-buildkit");
    let output = crate::cluster::output(binary, &[&["check"], arguments].concat());
    String::from_utf8(output.stdout).unwrap()
}

/// Its lines that are neither ok nor skipped. Other tests install a Sensor, and a sweep of one run only.
fn complaints() -> Vec<String> {
    check(&[])
        .lines()
        .filter(|line| {
            !line.starts_with("ok") && !line.starts_with("skip") && !line.starts_with("warn sweep of ")
        })
        .map(str::to_owned)
        .collect()
}

/// The objects that are removed from the installation with sidecars, and the findings that `check` must then report.
const SIDECARS: &[(&str, &str, &str)] = &[
    ("builds", "secret/buildkit-workflow.service-account-token", "buildkit-workflow.service-account-token"),
    (
        "builds",
        "secret/buildkit-executor-plugin.service-account-token",
        "buildkit-executor-plugin.service-account-token",
    ),
    ("builds", "serviceaccount/buildkit-executor-plugin", "buildkit-executor-plugin"),
    ("builds", "serviceaccount/buildkit-workflow", "buildkit-workflow"),
    ("builds", "role/buildkit-workflow", "workflowtasksets"),
    ("builds", "rolebinding/buildkit-workflow", "workflowtasksets"),
    ("builds", "role/buildkit-executor-plugin", "buildkit-client-tls"),
    ("builds", "rolebinding/buildkit-executor-plugin", "buildkit-client-tls"),
    ("argo", "clusterrole/argo-workflowtasksets-status", "workflowtasksets/status"),
    ("argo", "clusterrolebinding/argo-workflowtasksets-status", "workflowtasksets/status"),
    ("argo", "configmap/buildkit-executor-plugin", "ConfigMap"),
];

/// The same, of the shared agent's.
const SHARED: &[(&str, &str, &str)] = &[
    (BUILDS, "role/buildkit-agent", "workflowtasksets"),
    (BUILDS, "rolebinding/buildkit-agent", "workflowtasksets"),
    (AGENT, "rolebinding/buildkit-agent", "leases"),
    (AGENT, "configmap/buildkit-agent-settings", "buildkit-agent-settings"),
    (AGENT, "configmap/buildkit-agent-policy", "buildkit-agent-policy"),
    (AGENT, "deployment/buildkit-agent", "deploy/components/agent"),
    ("argo", "mutatingadmissionpolicy/buildkit-agent-gate", "buildkit-agent-gate"),
    ("argo", "mutatingadmissionpolicybinding/buildkit-agent-gate", "buildkit-agent-gate"),
    ("argo", "clusterrole/argo-workflowtasksets-status", "workflowtasksets/status"),
    ("argo", "clusterrolebinding/argo-workflowtasksets-status", "workflowtasksets/status"),
];

#[tokio::test]
async fn each_object_left_out_is_named() {
    install::site().await;
    let none = || complaints().is_empty().then_some(());
    eventually(|| format!("the end of {:#?}, with nothing left out", complaints()), PATIENCE, none);
    let left_out = match mode() {
        Mode::Sidecar => SIDECARS,
        Mode::Agent => SHARED,
    };
    for (namespace, object, named) in left_out {
        kubectl(&["delete", "-n", namespace, object]);
        let said = complaints();
        assert!(said.iter().any(|line| line.contains(named)), "without {object}: {said:#?}");
        // Repeated, because Kubernetes deletes an account's token Secret some time after the account, and fills a new
        // one some time after its creation.
        let restored = || {
            kubectl(&["apply", "--server-side", "-k", mode().overlay()]);
            complaints().is_empty().then_some(())
        };
        eventually(|| format!("the end of {:#?}", complaints()), PATIENCE, restored);
    }
}

#[tokio::test]
async fn a_workflow_that_hangs_is_explained() {
    let shop = Shop::open("FROM BASE\n").await;
    let (namespace, object, cause) = match mode() {
        Mode::Sidecar => {
            let secret = "secret/buildkit-workflow.service-account-token";
            (BUILDS, secret, "buildkit-workflow.service-account-token")
        }
        Mode::Agent => (AGENT, "deployment/buildkit-agent", "shared agent buildkit-agent/buildkit-agent"),
    };
    kubectl(&["delete", "-n", namespace, object]);
    let stuck = shop.submit("build-push", &[]);
    let why = || Some(check(&[&stuck.name])).filter(|said| said.contains(cause));
    let said = eventually(|| format!("the cause in {}", check(&[&stuck.name])), PATIENCE, why);
    assert!(said.lines().any(|line| line.starts_with("FAIL")), "{said}");
    kubectl(&["apply", "--server-side", "-k", mode().overlay()]);
    stuck.succeeds();
    let finished = check(&[&stuck.name]);
    assert!(finished.contains("Succeeded"), "{finished}");
}

#[tokio::test]
async fn as_a_job_it_asks_buildkitd_registry_and_git() {
    let site = install::site().await;
    let doc = std::fs::read_to_string(tree().join("docs/check.md")).unwrap();
    let job = doc
        .split("```yaml\n")
        .find(|block| block.contains("kind: Job"))
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let own = [
        ("registry.example.com/tools/argo-buildkit:0.1.0", format!("{NODE}:5000/argo-buildkit:e2e")),
        ("registry.example.com/shop/api", format!("http://{}", site.service.image())),
        ("https://git.example.com/shop/api.git", site.service.url()),
        ("https://git.example.com/ops/gitops.git", site.gitops.url()),
    ];
    apply(&own.iter().fold(job.to_owned(), |job, (theirs, ours)| job.replace(theirs, ours)));
    let ended = || {
        let status = get(BUILDS, "job", "buildkit-check")["status"].clone();
        (status["succeeded"] == 1 || status["failed"] == 1).then_some(())
    };
    let log =
        || attempt("kubectl", &["logs", "-n", BUILDS, "job/buildkit-check"]).unwrap_or_else(|error| error);
    eventually(|| format!("the Job's end: {}", log()), PATIENCE, ended);
    let said = log();
    for subject in [
        "buildkitd tcp://buildkitd.buildkit.svc:1234: v0.32.2",
        "registry",
        &site.service.url(),
        &site.gitops.url(),
    ] {
        assert!(
            said.lines().any(|line| line.starts_with("ok") && line.contains(subject)),
            "{subject}:\n{said}"
        );
    }
    assert!(!said.lines().any(|line| line.starts_with("FAIL")), "{said}");
}
