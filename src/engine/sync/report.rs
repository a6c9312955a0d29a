//! The outputs of `sync`, and its line for the node's message.

use std::time::Duration;

use super::shared::Arrived;
use crate::argocd::short;
use crate::duration::elapsed_text;
use crate::engine::sanitize::{list_that_fits, without_expressions};
use crate::outcome::{Outputs, StepError, Success};

/// What the step did, whatever its outcome.
pub(super) struct Facts {
    pub(super) waited: Duration,
    pub(super) remarks: Vec<String>,
}

/// The values of the outputs that depend on the outcome.
#[derive(Default)]
struct Found<'a> {
    outcome: &'a str,
    deployed: &'a str,
    health: &'a str,
    newer: &'a str,
    applications: Vec<&'a str>,
}

/// Everything is deployed.
pub(super) fn healthy(arrived: &[Arrived], facts: &Facts) -> Success {
    let mut revisions = arrived.iter().map(|each| each.revision.as_str());
    let deployed = revisions.find(|revision| !revision.is_empty()).unwrap_or_default();
    let names: Vec<_> = arrived.iter().map(|each| each.name.as_str()).collect();
    let health =
        arrived.iter().map(|each| each.health).find(|health| *health != "Healthy").unwrap_or("Healthy");
    let at = if deployed.is_empty() { String::new() } else { format!(" at {}", short(deployed)) };
    let waited = elapsed_text(facts.waited);
    let summary = match names.as_slice() {
        [one] => format!("`{one}` is {health}{at}, after {waited}"),
        all => format!("{} are {health}{at}, after {waited}: {}", all.len(), all.join(", ")),
    };
    let found = Found { outcome: "healthy", deployed, health, newer: "", applications: names };
    Success { summary, outputs: outputs(&found, facts) }
}

/// The commit `by` was deployed in place of ours; to the Application `name`, if it was seen there.
pub(super) fn superseded(by: &str, name: Option<&str>, facts: &Facts) -> Success {
    let place = name.map(|name| format!(" in `{name}`")).unwrap_or_default();
    let summary = format!("superseded{place}: the newer commit {} was deployed", short(by));
    let applications = name.into_iter().collect();
    let found = Found { outcome: "superseded", newer: by, applications, ..Found::default() };
    Success { summary, outputs: outputs(&found, facts) }
}

/// The step is off.
pub(super) fn off() -> Success {
    let facts = Facts { waited: Duration::ZERO, remarks: Vec::new() };
    let outputs = outputs(&Found::default(), &facts);
    Success { summary: "waiting for the deployment is off".to_owned(), outputs }
}

/// The error of a wait, with the outputs that a failed step has.
pub(super) fn failed(message: String, deployed: &str, health: &str) -> StepError {
    let outputs = [("outcome", "failed"), ("deployed", deployed), ("health", health)];
    let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    StepError { outputs: Outputs::from(outputs), ..StepError::user(message) }
}

/// The error of a deployment that has failed, and whose commit is reverted by `by` on `place`.
pub(super) fn reverted(error: StepError, commit: &str, by: &str, place: &str) -> StepError {
    let StepError { message, mut outputs, .. } = error;
    let message = format!("{message}; our commit {} was reverted by {} on {place}", short(commit), short(by));
    outputs.extend(reverted_outputs(by));
    StepError { outputs, ..StepError::user(message) }
}

/// The error of a deployment whose commit was reverted by `by` before this step began.
pub(super) fn reverted_earlier(commit: &str, by: &str, branch: &str) -> StepError {
    let (commit, by_short) = (short(commit), short(by));
    let message =
        format!("our commit {commit} was reverted already, by {by_short} on {branch}; look at that commit");
    StepError { outputs: Outputs::from(reverted_outputs(by)), ..StepError::user(message) }
}

fn reverted_outputs(by: &str) -> [(String, String); 2] {
    [("outcome", "reverted"), ("reverted-by", by)].map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// The error of a deployment that has failed, and whose commit is not reverted, for the reason `why`.
pub(super) fn not_reverted(error: StepError, commit: &str, why: &str) -> StepError {
    let message = format!("{}; our commit {} was not reverted: {why}", error.message, short(commit));
    StepError { message, ..error }
}

/// The label of a failure in the metrics.
pub(super) fn failure(error: &StepError) -> &'static str {
    let is_reverted = error.outputs.get("outcome").is_some_and(|outcome| outcome == "reverted");
    if is_reverted { "reverted" } else { "failed" }
}

/// Whether `error` is about what is deployed. Any other is about reading it.
pub(super) fn is_failed(error: &StepError) -> bool {
    error.outputs.get("outcome").is_some_and(|outcome| outcome == "failed")
}

fn outputs(found: &Found<'_>, facts: &Facts) -> Outputs {
    let Found { outcome, deployed, health, newer, applications } = found;
    let outputs = [
        ("outcome", (*outcome).to_owned()),
        ("deployed", (*deployed).to_owned()),
        ("health", (*health).to_owned()),
        ("newer", (*newer).to_owned()),
        ("reverted-by", String::new()),
        ("waited", facts.waited.as_secs().to_string()),
        ("applications", list_that_fits(applications)),
        ("remarks", without_expressions(facts.remarks.join("\n"))),
    ];
    Outputs::from(outputs.map(|(name, value)| (name.to_owned(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit handlers of workflow-templates/ look for this sentence in the message of the node.
    #[test]
    fn an_exit_handler_finds_a_revert_in_the_message() {
        let template = include_str!("../../../workflow-templates/ci-cd-buildkit-deploy.yaml");
        assert!(template.contains("workflow.failures matches 'our commit [0-9a-f]+ was reverted'"));
        let (commit, by) = ("a".repeat(40), "b".repeat(40));
        let broken = || failed("`api` is Degraded".to_owned(), "", "Degraded");
        let sentence = format!("our commit {} was reverted", short(&commit));
        let is_found = |error: &StepError| error.message.contains(&sentence);
        assert!(is_found(&reverted(broken(), &commit, &by, "main")));
        assert!(is_found(&reverted_earlier(&commit, &by, "main")));
        assert!(!is_found(&not_reverted(broken(), &commit, "a newer commit has set the value")));
    }
}
