//! The events of a workflow of Actions: `on`.

use super::super::image::pattern_of_glob;
use super::super::pipeline::{Pipeline, push_new};
use super::super::source::Node;
use super::super::verdict::Verdict;

const NO_EVENT: &str =
    "only pushes and pull requests begin builds; write a CronWorkflow or a Sensor of your own for this event";
const BY_TERMINAL: &str = "`argo submit --from workflowtemplate/…` begins a build by hand, with the parameters of docs/workflow-templates.md";

/// Reads the value of `on`: a name, a list of names, or a map.
pub(super) fn read(on: &Node<'_>, out: &mut Pipeline) {
    if on.is_map() {
        on.entries().into_iter().for_each(|(name, event)| one(name, &event, out));
    } else {
        for item in on.items() {
            one(item.str().unwrap_or_default(), &item, out);
        }
    }
}

fn one(name: &str, event: &Node<'_>, out: &mut Pipeline) {
    match name {
        "push" => push(event, out),
        "pull_request" | "pull_request_target" => {
            out.pull_requests = true;
            event.mark_all(
                Verdict::Approximate,
                "`pull-requests`: those of branches of the same repository are built, and none of a fork",
            );
        }
        "workflow_dispatch" | "workflow_call" | "repository_dispatch" => {
            event.mark_all(Verdict::Approximate, BY_TERMINAL);
        }
        "schedule" => event.mark_all(
            Verdict::ByHand,
            "write a CronWorkflow, or `pull: {schedule: …}` of the service if this looks for new commits",
        ),
        _ => event.mark_all(Verdict::ByHand, NO_EVENT),
    }
}

fn push(event: &Node<'_>, out: &mut Pipeline) {
    event.direct("pushes begin builds");
    let has = |key: &str| event.get(key).is_some();
    if !has("branches") && !has("tags") {
        push_new(&mut out.branches, ".*");
    }
    for (key, node) in event.entries() {
        match key {
            "branches" => patterns(&node, "`branches`", &mut out.branches),
            "tags" => patterns(&node, "`tags`", &mut out.git_tags),
            "paths" => globs(&node, "`paths`", &mut out.paths),
            "paths-ignore" => globs(&node, "`paths-ignore`", &mut out.paths_ignore),
            _ => node.mark_all(
                Verdict::ByHand,
                "write the branches and tags that are built as `branches` and `tags`",
            ),
        }
    }
}

fn patterns(node: &Node<'_>, field: &str, list: &mut Vec<String>) {
    for item in node.items() {
        match item.text() {
            Some(text) if !text.starts_with('!') => {
                let pattern = pattern_of_glob(&text);
                item.direct(&match pattern == text {
                    true => field.to_owned(),
                    false => format!("{field}: the pattern `{}`", crate::text::brief(&pattern, 100)),
                });
                push_new(list, &pattern);
            }
            _ => item.by_hand(&format!("{field}: a pattern cannot take away; write those that are left")),
        }
    }
}

fn globs(node: &Node<'_>, field: &str, list: &mut Vec<String>) {
    for item in node.items() {
        if let Some(text) = item.text() {
            push_new(list, &text);
            item.direct(field);
        }
    }
}
