//! When a task's time is up. Argo times out no node that is reported as Running, so we do it in its stead, by its own
//! clock: a job begun anew by another agent gets no second helping.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::kube::WorkflowState;

/// Argo's times are whole seconds: what began at the end of one has not begun at its start.
const WHOLE: Duration = Duration::from_secs(1);

/// The end of a task's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deadline {
    /// The node's id.
    pub(super) node: String,
    /// The time after which it is over.
    pub(super) at: Instant,
    /// How long the time was.
    pub(super) limit: Duration,
    /// Which limit it comes from.
    pub(super) whose: Whose,
}

/// Which limit has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The node's: its template's `timeout`.
    Node,
    /// The workflow's: `activeDeadlineSeconds`. Its exit handlers go on.
    Workflow,
}

/// The first end of the node's time, as far as `workflow` says; it may take `limit` itself.
pub(super) fn first(workflow: &WorkflowState, node: &str, limit: Duration) -> Option<Deadline> {
    let began = workflow.nodes.get(node).and_then(|place| place.started_at.as_ref());
    let own = began.and_then(|began| began.0.checked_add(limit.checked_add(WHOLE)?).ok());
    let own = own.map(|end| Deadline { node: node.to_owned(), at: instant(end), limit, whose: Whose::Node });
    let whole = workflow.deadline.filter(|_| workflow.is_exit_handler(node) == Some(false));
    let whole = whole.map(|(end, limit)| Deadline {
        node: node.to_owned(),
        at: instant(end),
        limit,
        whose: Whose::Workflow,
    });
    own.into_iter().chain(whole).min_by_key(|deadline| deadline.at)
}

/// The moment `when` by our own clock; what has passed is now.
fn instant(when: Timestamp) -> Instant {
    let left = when.duration_since(Timestamp::now());
    Instant::now() + Duration::try_from(left).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::kube::NodePlace;

    const MINUTE: Duration = Duration::from_secs(60);

    fn workflow(began_ago: Duration, deadline_in: Option<Duration>) -> WorkflowState {
        let began = Timestamp::now() - began_ago;
        let node = |name: &str| NodePlace {
            name: name.to_owned(),
            started_at: Some(Time(began)),
            ..NodePlace::default()
        };
        WorkflowState {
            nodes: BTreeMap::from([("a".to_owned(), node("wf")), ("b".to_owned(), node("wf.onExit"))]),
            deadline: deadline_in.map(|left| (Timestamp::now() + left, MINUTE)),
            ..WorkflowState::default()
        }
    }

    fn whose(workflow: &WorkflowState, node: &str, limit: Duration) -> Option<(Whose, bool)> {
        first(workflow, node, limit).map(|deadline| (deadline.whose, deadline.at <= Instant::now()))
    }

    #[tokio::test]
    async fn a_nodes_time_counts_from_its_start_and_ends_with_the_workflows() {
        let (node, all) = (Whose::Node, Whose::Workflow);
        assert_eq!(whose(&workflow(MINUTE * 2, None), "a", MINUTE), Some((node, true)));
        assert_eq!(whose(&workflow(MINUTE / 2, None), "a", MINUTE), Some((node, false)));
        assert_eq!(whose(&workflow(MINUTE / 2, Some(MINUTE / 4)), "a", MINUTE), Some((all, false)));
        assert_eq!(
            whose(&workflow(MINUTE / 2, Some(MINUTE / 4)), "b", MINUTE),
            Some((node, false)),
            "exit handler"
        );
        assert_eq!(whose(&workflow(MINUTE, None), "unknown", MINUTE), None);
        assert_eq!(whose(&workflow(MINUTE, None), "a", Duration::MAX), None, "no limit");
    }
}
