//! A plugin step that has not ended, executed by the shared agent.

use k8s_openapi::api::core::v1::Pod;

use super::WorkflowFacts;
use super::agent::{self, AgentReport};
use super::node::{self, StatusNode};
use crate::check::Finding;
use crate::check::mode::ExecutionMode;
use crate::check::templates::plugin_of;

/// The finding about the first plugin step that has not ended.
pub(super) fn cause(facts: &WorkflowFacts) -> Option<Finding> {
    let nodes = node::all(facts);
    let open: Vec<_> = nodes.iter().filter(|node| node.is_plugin() && node.is_open()).collect();
    let first = open.first()?;
    if let Some(foreign) = open.iter().find_map(|node| foreign(facts, node)) {
        return Some(foreign);
    }
    let at = format!("node {} is {}", first.name(), first.phase());
    if let Some(mend) = facts.mend(first.message()) {
        return Some(facts.fail(format!("{at}: {}; {mend}", first.message())));
    }
    if facts.task_set.is_none() {
        let text = "the controller has made no WorkflowTaskSet for it; see the controller's log";
        return Some(facts.fail(format!("{at}: {text}")));
    }
    Some(racing(facts, &at).unwrap_or_else(|| executed(facts, first, &at)))
}

/// The finding for a step that the shared agent does not execute.
fn foreign(facts: &WorkflowFacts, node: &StatusNode<'_>) -> Option<Finding> {
    let task = facts.task_set.as_ref().map(|set| &set["spec"]["tasks"][node.id()]);
    let what = match (node.kind(), task.and_then(plugin_of)) {
        ("HTTP", _) => "is an `http` template".to_owned(),
        (_, Some(plugin)) => format!("wants the plugin `{plugin}`"),
        (_, None) => return None,
    };
    // The shared agent has already reported on the step.
    if !node.message().is_empty() || !AgentReport::of(facts, node).phase.is_empty() {
        return None;
    }
    Some(facts.fail(format!(
        "node {} is {}: it {what}, which the shared agent does not execute, and no agent pod runs in this namespace; \
         argo stop -n {} {}, and make that step a pod",
        node.name(),
        node.phase(),
        facts.namespace,
        facts.name
    )))
}

/// The finding for an agent pod that started before the gate was installed.
fn racing(facts: &WorkflowFacts, at: &str) -> Option<Finding> {
    let is_gated = |pod: &Pod| pod.spec.as_ref().is_some_and(|spec| spec.scheduling_gates.is_some());
    let pods = facts.pods.iter().flatten().filter(|_| facts.mode == ExecutionMode::Gate);
    let pod = pods.filter(|pod| !is_gated(pod)).find_map(|pod| pod.metadata.name.as_deref())?;
    Some(facts.fail(format!(
        "{at}: its agent pod {pod} was made without the gate, and races the shared agent; kubectl delete pod -n {} \
         {pod}, for which the controller makes a gated one, and see `argo-buildkit check` for the gate",
        facts.namespace
    )))
}

/// The shared agent's report, or the reason why it cannot work.
fn executed(facts: &WorkflowFacts, open: &StatusNode<'_>, at: &str) -> Finding {
    let report = AgentReport::of(facts, open);
    if report.is_terminal() {
        return agent::not_taken_over(facts, &format!("{at}, and {} at the shared agent", report.phase));
    }
    let message = if report.message.is_empty() { open.message() } else { report.message };
    let said = if message.is_empty() { String::new() } else { format!(" ({message})") };
    if let Some(flaw) = facts.flaws.first() {
        return facts.fail(format!("{at}{said}: {}: {}", flaw.subject, flaw.text));
    }
    if message.is_empty() && report.phase.is_empty() {
        return facts.warn(format!(
            "{at}: the shared agent leads and watches this namespace, and has reported nothing yet; look again, then \
             see its logs: kubectl logs -n {} deploy/buildkit-agent",
            facts.agent_namespace
        ));
    }
    facts.ok(format!("works: {at}{said}"))
}
