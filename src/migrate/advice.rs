//! What is said about keys that no reader has used, by the name of the key or of a map around it.

use super::verdict::Verdict;

use Verdict::{Approximate, ByHand};

/// Said of a key that is in no table.
const UNKNOWN: &str = "no rule reads this key; look whether the build needs it";

/// The notes: names of keys, and what becomes of them. The innermost name counts; docs/migrate.md has each row.
pub(super) const ADVICE: &[(&[&str], Verdict, &str)] = &[
    (&["apiVersion", "kind"], Approximate, "the objects in `rendered/` have kinds of their own"),
    (
        &["labels", "annotations", "description", "displayName", "creationTimestamp"],
        Approximate,
        "not carried over; the rendered objects have labels of their own",
    ),
    (&["namespace"], Approximate, "all objects are in the namespace of the catalogue (`--namespace`)"),
    (
        &["resources", "computeResources", "limits", "requests"],
        Approximate,
        "not needed: buildkitd runs the build, and its pod has the limits",
    ),
    (
        &["securityContext", "privileged", "podSecurityContext", "runAsUser", "seccompProfile"],
        Approximate,
        "not needed: no pod builds; buildkitd has the rights",
    ),
    (
        &["serviceAccountName", "serviceAccount", "taskRunTemplate", "automountServiceAccountToken"],
        Approximate,
        "the account is `buildkit-workflow`; a login that hangs on this account is a Secret that the service names",
    ),
    (
        &[
            "workspaces",
            "volumeClaimTemplate",
            "persistentVolumeClaim",
            "emptyDir",
            "volumeClaimTemplates",
            "accessModes",
        ],
        Approximate,
        "not needed: the context is read from Git, and no volume is shared between steps",
    ),
    (
        &["nodeSelector", "tolerations", "affinity", "podTemplate", "runs-on", "nodeName", "hostAliases"],
        Approximate,
        "no pod builds; `platforms` of the service and the nodes of buildkitd decide where it runs",
    ),
    (
        &["imagePullSecrets", "imagePullPolicy"],
        Approximate,
        "not needed: no pod starts; base images are pulled with the service's `registry-secret`",
    ),
    (
        &["results", "outputs", "supplied"],
        Approximate,
        "the templates have outputs of their own: `digest`, `image`, `commit`",
    ),
    (
        &["runAfter", "depends", "dependencies", "needs"],
        Approximate,
        "the order of the bundled template is build, push, commit",
    ),
    (
        &[
            "ttlSecondsAfterFinished",
            "ttlStrategy",
            "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit",
            "podGC",
        ],
        Approximate,
        "the bundled templates delete a Workflow a day after success, and a week after failure",
    ),
    (
        &["restartPolicy", "parallelism", "completions", "dnsPolicy", "terminationGracePeriodSeconds"],
        Approximate,
        "not needed: no pod builds",
    ),
    (
        &["readinessProbe", "livenessProbe", "startupProbe", "ports", "containerPort"],
        Approximate,
        "not needed: buildkitd has its own Deployment in `deploy/`",
    ),
    (
        &["retries", "backoffLimit", "retryStrategy"],
        ByHand,
        "the steps try again by themselves when a server fails; if a failed build is to be repeated, give a template of your own a `retryStrategy`",
    ),
    (
        &["timeouts", "timeout", "activeDeadlineSeconds", "timeout-minutes"],
        ByHand,
        "write it as `parameters.timeout` of the service, such as `30m`",
    ),
    (
        &["continue-on-error", "onError", "continueOn"],
        ByHand,
        "the next entries of `steps` do not run after a failure; give a template of your own `continueOn: {failed: true}`",
    ),
    (
        &["if", "when", "whenExpressions"],
        ByHand,
        "a condition is never evaluated here; write `when` in a template of your own, or a filter of the service (`branches`, `paths`)",
    ),
    (
        &["finally", "onExit", "hooks"],
        ByHand,
        "write an exit handler in a template of your own, for instance with the step `notify` (docs/notify.md)",
    ),
    (&["matrix", "strategy", "withItems", "withParam"], ByHand, "write one service for each combination"),
    (
        &["concurrency", "synchronization", "mutex", "semaphore", "concurrencyPolicy"],
        ByHand,
        "write `parameters.concurrency` of the service: `queue` or `supersede`",
    ),
    (
        &["secrets", "secret", "secretRef", "secretKeyRef", "secretName", "envFrom"],
        ByHand,
        "see whether the output needs this Secret; if it does, name it as `git-secret`, `registry-secret` or `gitops.secret`",
    ),
    (
        &["services"],
        ByHand,
        "a service beside the job has no place here; run such tests in a template of your own",
    ),
    (
        &["permissions", "environment"],
        ByHand,
        "rights are those of the Secrets that the service names, bound to their use (docs/steps.md#bound-secrets)",
    ),
    (
        &["defaults", "container"],
        ByHand,
        "the settings of a container have no place here; a template of your own has one",
    ),
    (
        &["interceptors", "filter", "cel", "overlays"],
        ByHand,
        "a filter is never evaluated here; write `branches`, `tags` or `paths` of the service",
    ),
    (
        &["resolver", "bundle"],
        ByHand,
        "what a resolver fetches is not read; put the Task or Pipeline beside the other files, and run `migrate` again",
    ),
    (
        &["schedule", "schedules", "cron"],
        ByHand,
        "write `pull: {schedule: …}` of the service if this looks for new commits; write a CronWorkflow otherwise",
    ),
    (
        &["uses", "with"],
        ByHand,
        "no rule knows this action; a template of your own does what it did, or a stage of the Dockerfile",
    ),
    (
        &["run", "script"],
        ByHand,
        "a script is not run; put it in a stage of the Dockerfile, or in a container template of your own",
    ),
    (
        &["command", "args", "image"],
        ByHand,
        "no rule knows this container; put what it does in a stage of the Dockerfile, or in a container template of your own",
    ),
    (
        &["name", "generateName", "generatename", "id", "type", "metadata", "uid", "finalizers"],
        Approximate,
        "a name of the old system; nothing in the output depends on it",
    ),
    (
        &["param", "params", "default", "inputs", "arguments", "parameters", "env", "value"],
        ByHand,
        "nothing that was read uses this value; look whether the build needs it",
    ),
];

/// What is said about the key at a JSON pointer.
pub(super) fn of(pointer: &str) -> (Verdict, String) {
    let names = pointer.rsplit('/').map(|name| name.replace("~1", "/"));
    let advice = names.filter_map(|name| {
        let row = ADVICE.iter().find(|(names, ..)| names.contains(&name.as_str()));
        row.map(|(_, verdict, note)| (*verdict, (*note).to_owned()))
    });
    // A name says less than the map around it: `name` in `secretKeyRef`, `value` in `resources`.
    let mut weak = None;
    for found in advice {
        if !is_weak(&found.1) {
            return found;
        }
        weak = weak.or(Some(found));
    }
    weak.unwrap_or((Verdict::ByHand, UNKNOWN.to_owned()))
}

/// Whether a note is one of the last two, about keys that stand in maps of any kind.
fn is_weak(note: &str) -> bool {
    ADVICE.iter().rev().take(2).any(|(_, _, weak)| *weak == note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_name_that_says_something_counts() {
        assert_eq!(of("/spec/steps/0/resources/limits/memory").0, Approximate);
        assert!(of("/spec/env/0/valueFrom/secretKeyRef/name").1.contains("Secret"));
        assert!(of("/jobs/test/services/db/image").1.contains("container"));
        assert_eq!(of("/spec/whatever"), (ByHand, UNKNOWN.to_owned()));
        assert_eq!(of("/metadata/name").0, Approximate);
    }

    #[test]
    fn no_name_is_in_two_rows() {
        let mut names: Vec<_> = ADVICE.iter().flat_map(|(names, ..)| names.iter()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_page_has_every_row() {
        let page = include_str!("../../docs/migrate.md");
        for (names, verdict, note) in ADVICE {
            let shown: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let row = format!("| {} | {} | {note} |", shown.join(", "), verdict.name());
            assert!(page.contains(&row), "docs/migrate.md lacks:\n{row}");
        }
    }
}
