//! Large workflows: Argo compresses their nodes, stores them in a database, or can no longer pass them on.

use serde_json::Value;

use super::{WorkflowFacts, node};
use crate::check::Finding;
use crate::kube;

/// The maximum size of an object in etcd by default, in bytes (`--max-request-bytes`).
const OBJECT: usize = 1_572_864;

/// The workflow with its nodes decompressed, if they can be read.
pub(super) fn unpacked(mut workflow: Value) -> Value {
    let status = &mut workflow["status"];
    let packed = status["compressedNodes"].as_str().filter(|packed| !packed.is_empty());
    let plain = status["nodes"].as_object().is_some_and(|nodes| !nodes.is_empty());
    if let Some(nodes) = packed.filter(|_| !plain).and_then(|packed| kube::packed_nodes(packed).ok()) {
        status["nodes"] = nodes;
    }
    workflow
}

/// The finding for nodes that cannot be read here.
pub(super) fn offloaded(facts: &WorkflowFacts) -> Option<Finding> {
    let away = !facts.status("offloadNodeStatusVersion").is_empty() && node::all(facts).is_empty();
    away.then(|| {
        facts.warn(
            "keeps its nodes in Argo's database (status.offloadNodeStatusVersion), which is not read here: see them in \
             Argo's UI. The shared agent does not read them either: there a stop or `activeDeadlineSeconds` ends a step of \
             ours only once Argo takes its task away, so give such templates a `timeout`",
        )
    })
}

/// The finding for steps whose tasks are larger than an object may be.
pub(super) fn oversized(facts: &WorkflowFacts) -> Option<Finding> {
    let nodes = node::all(facts);
    let open: Vec<_> = nodes.iter().filter(|node| node.is_plugin() && node.is_open()).collect();
    let tasks = facts.task_set.as_ref().map(|set| &set["spec"]["tasks"]);
    let lacks = |node: &&&node::StatusNode<'_>| tasks.is_none_or(|tasks| tasks[node.id()].is_null());
    let (waiting, size) =
        (open.iter().filter(lacks).count(), open.iter().map(|node| node.size_of_inputs()).sum::<usize>());
    (waiting > 0 && size > OBJECT).then(|| {
        facts.fail(format!(
            "{waiting} of its plugin nodes are not handed on: the inputs of the {} that are open take {size} bytes, the \
             controller writes all of them into one WorkflowTaskSet, and an object of the cluster has at most {OBJECT} (its log \
             says `Request entity too large`); argo stop -n {} {}, and make the inputs smaller or let fewer of these steps \
             run at once",
            open.len(),
            facts.namespace,
            facts.name
        ))
    })
}
