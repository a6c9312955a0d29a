//! The deadlines of tasks. Argo does not time out a node that is reported as Running, so we do it. We count from the
//! start time that Argo has recorded: a job that another agent starts again gets no extra time.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::kube::WorkflowState;

/// How much later than its node's recorded start a job may begin: Argo's times have whole seconds, and a busy controller needs some
/// more to hand the task over. Until then the job's own limit ends it, and its message says what it waited for.
const BEHIND: Duration = Duration::from_secs(5);

/// The deadline of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) node: String,
    /// The time at which the task is stopped.
    pub(super) at: Instant,
    /// The length of the limit.
    pub(super) limit: Duration,
    pub(super) source: LimitSource,
}

/// The limit that sets a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitSource {
    /// The `timeout` of the node's template.
    Node,
    /// The workflow's `activeDeadlineSeconds`. It does not stop exit handlers.
    Workflow,
}

/// The earliest deadline of `node`, if one is known from `workflow`. `limit` is the node's own time limit.
pub(super) fn first(workflow: &WorkflowState, node: &str, limit: Duration) -> Option<Deadline> {
    let began = workflow.nodes.get(node).and_then(|node| node.started_at.as_ref());
    let own = began.and_then(|began| began.0.checked_add(limit.checked_add(BEHIND)?).ok());
    let own =
        own.map(|end| Deadline { node: node.to_owned(), at: instant(end), limit, source: LimitSource::Node });
    let whole = workflow.deadline.filter(|_| workflow.is_exit_handler(node) == Some(false));
    let whole = whole.map(|(end, limit)| Deadline {
        node: node.to_owned(),
        at: instant(end),
        limit,
        source: LimitSource::Workflow,
    });
    own.into_iter().chain(whole).min_by_key(|deadline| deadline.at)
}

/// Converts `when` to this process's clock. A time in the past becomes now.
fn instant(when: Timestamp) -> Instant {
    let left = when.duration_since(Timestamp::now());
    Instant::now() + Duration::try_from(left).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::kube::WorkflowNode;

    const MINUTE: Duration = Duration::from_secs(60);

    fn workflow(began_ago: Duration, deadline_in: Option<Duration>) -> WorkflowState {
        let began = Timestamp::now() - began_ago;
        let node = |name: &str| WorkflowNode {
            name: name.to_owned(),
            started_at: Some(Time(began)),
            ..WorkflowNode::default()
        };
        WorkflowState {
            nodes: BTreeMap::from([("a".to_owned(), node("wf")), ("b".to_owned(), node("wf.onExit"))]),
            deadline: deadline_in.map(|left| (Timestamp::now() + left, MINUTE)),
            ..WorkflowState::default()
        }
    }

    fn source(workflow: &WorkflowState, node: &str, limit: Duration) -> Option<(LimitSource, bool)> {
        first(workflow, node, limit).map(|deadline| (deadline.source, deadline.at <= Instant::now()))
    }

    #[tokio::test]
    async fn a_nodes_time_counts_from_its_start_and_ends_with_the_workflows() {
        let (node, all) = (LimitSource::Node, LimitSource::Workflow);
        assert_eq!(source(&workflow(MINUTE * 2, None), "a", MINUTE), Some((node, true)));
        assert_eq!(source(&workflow(MINUTE / 2, None), "a", MINUTE), Some((node, false)));
        assert_eq!(source(&workflow(MINUTE / 2, Some(MINUTE / 4)), "a", MINUTE), Some((all, false)));
        assert_eq!(
            source(&workflow(MINUTE / 2, Some(MINUTE / 4)), "b", MINUTE),
            Some((node, false)),
            "exit handler"
        );
        assert_eq!(source(&workflow(MINUTE, None), "unknown", MINUTE), None);
        assert_eq!(source(&workflow(MINUTE, None), "a", Duration::MAX), None, "no limit");
    }
}
