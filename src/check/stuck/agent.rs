//! A plugin step that has not ended: checks its agent, then its result.

use super::node::{self, StatusNode};
use super::{WorkflowFacts, pod};
use crate::check::{Finding, Severity};

/// The finding about the first plugin step that has not ended.
pub(super) fn cause(facts: &WorkflowFacts) -> Option<Finding> {
    let nodes = node::all(facts);
    let open = nodes.iter().find(|node| node.is_plugin() && node.is_open())?;
    let at = format!("node {} is {}", open.name(), open.phase());
    if let Some(mend) = facts.mend(open.message()) {
        return Some(facts.fail(format!("{at}: {}; {mend}", open.message())));
    }
    match facts.pods.as_deref() {
        None => {
            let text = format!("{at}: this login may not list pods; run `check` as one who may");
            Some(Finding::skip(facts.subject(), text))
        }
        Some([]) => Some(facts.fail(format!("{at}: {}", no_pod(facts)))),
        Some([pod, ..]) => match pod::cause(pod, facts) {
            Some(cause) => Some(facts.fail(format!("{at}: {cause}"))),
            None => Some(result(facts, open, &at)),
        },
    }
}

fn no_pod(facts: &WorkflowFacts) -> String {
    let full = facts.room.iter().find(|finding| finding.severity == Severity::Fail);
    match (facts.plugins_on, &facts.task_set, full) {
        (Some(false), ..) => {
            "the controller loads no plugins; set ARGO_EXECUTOR_PLUGINS=true on it".to_owned()
        }
        (_, None, _) => {
            "the controller has made no WorkflowTaskSet for it; see the controller's log".to_owned()
        }
        (.., Some(full)) => format!("there is no agent pod: {}: {}", full.subject, full.text),
        _ => "there is no agent pod; see the controller's log for why (quota, admission, rights)".to_owned(),
    }
}

/// An agent's report of a step.
pub(super) struct AgentReport<'a> {
    pub(super) phase: &'a str,
    pub(super) message: &'a str,
}

impl<'a> AgentReport<'a> {
    pub(super) fn of(facts: &'a WorkflowFacts, node: &StatusNode<'_>) -> Self {
        let reported = facts.task_set.as_ref().map(|set| &set["status"]["nodes"][node.id()]);
        let field = |key: &str| reported.and_then(|node| node[key].as_str()).unwrap_or_default();
        Self { phase: field("phase"), message: field("message") }
    }

    pub(super) fn is_terminal(&self) -> bool {
        matches!(self.phase, "Succeeded" | "Failed" | "Error")
    }
}

/// The finding when the agent works: its report, and whether the report arrived.
fn result(facts: &WorkflowFacts, open: &StatusNode<'_>, at: &str) -> Finding {
    let report = AgentReport::of(facts, open);
    if report.is_terminal() {
        return not_taken_over(facts, &format!("{at}, and {} at its agent", report.phase));
    }
    let message = if report.message.is_empty() { open.message() } else { report.message };
    match (message, report.phase, facts.unmet.first()) {
        ("", "", Some(unmet)) => facts.fail(format!("{at}: its ServiceAccount {}", unmet.text)),
        ("", "", None) if facts.pods.iter().flatten().any(pod::is_settled_in) => facts.fail(format!(
            "{at}: its agent has run for a minute and has reported nothing, as when the plugin's container does not listen, or does \
             not answer, at the first containerPort of its ConfigMap; see `argo-buildkit check`, and its log: \
             kubectl logs -n {} -l workflows.argoproj.io/workflow={} -c buildkit",
            facts.namespace, facts.name
        )),
        ("", "", None) => facts.warn(format!(
            "{at}: its agent runs and has reported nothing yet; see its logs: \
             kubectl logs -n {} -l workflows.argoproj.io/workflow={} --all-containers",
            facts.namespace, facts.name
        )),
        ("", phase, _) => facts.ok(format!("works: node {} is {phase}", open.name())),
        (message, ..) => facts.ok(format!("works: {at}: {message}")),
    }
}

/// The finding for a result that the controller has not yet read.
pub(super) fn not_taken_over(facts: &WorkflowFacts, at: &str) -> Finding {
    match facts.status_right {
        Some(false) => facts.fail(format!(
            "{at}: the controller may not patch workflowtasksets/status, and with INFORMER_WRITE_BACK=true \
             it then misses the result; grant it that, see `argo-buildkit check`"
        )),
        _ => facts.warn(format!(
            "{at}: the controller takes that over within two of its DEFAULT_REQUEUE_TIME; look again, \
             then see its log"
        )),
    }
}
