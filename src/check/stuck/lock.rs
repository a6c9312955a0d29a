//! Locks: a mutex or a semaphore (argo-workflows `SynchronizationStatus`), or the controller's own limit.

use serde_json::Value;

use super::{WorkflowFacts, node};
use crate::check::{Doctor, Finding};

/// The holder of the mutex that a workflow waits for.
#[derive(Debug, Default)]
pub(super) struct Holder {
    /// `namespace/workflow`, in some cases with a node. Empty if the holder is not known.
    pub(super) place: String,
    pub(super) state: HolderState,
}

/// The state of a holder.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum HolderState {
    /// It has not ended.
    #[default]
    Open,
    /// It was stopped, and has not ended.
    Stopped,
    /// It has ended, or does not exist any more.
    Ended,
    /// According to the workflows, there is no holder.
    Nobody,
}

impl Doctor {
    /// Finds the holder of the mutex. The name in the waiting workflow's status dates from when it began to wait.
    pub(super) async fn holder(&self, facts: &WorkflowFacts) -> Holder {
        let Some(waiting) = waiting(facts, "mutex") else { return Holder::default() };
        let lock = waiting["mutex"].as_str().unwrap_or_default();
        let said = waiting["holder"].as_str().unwrap_or_default();
        let Ok(open) = self.engine.cluster.unfinished_workflows(&facts.namespace).await else {
            return Holder { place: said.to_owned(), state: HolderState::Open };
        };
        if let Some(holder) = open.iter().find_map(|workflow| holds(workflow, lock)) {
            return holder;
        }
        self.said_holder(said).await
    }

    /// The state of the holder that a waiting workflow names.
    async fn said_holder(&self, said: &str) -> Holder {
        let mut parts = said.split('/');
        let (Some(namespace), Some(name)) = (parts.next(), parts.next()) else { return Holder::default() };
        let state = match self.engine.cluster.find_argo("Workflow", namespace, name).await {
            Ok(Some(found)) if found["status"]["finishedAt"].is_string() => {
                match holding(&found).is_empty() {
                    true => HolderState::Nobody,
                    false => HolderState::Ended,
                }
            }
            // The lock belongs to another namespace, or the workflow holds nothing any more.
            Ok(Some(found)) if holding(&found).is_empty() => HolderState::Nobody,
            Ok(Some(_)) | Err(_) => HolderState::Open,
            Ok(None) => HolderState::Ended,
        };
        Holder { place: said.to_owned(), state }
    }
}

/// The first lock of this kind that the workflow waits for.
fn waiting<'a>(facts: &'a WorkflowFacts, kind: &str) -> Option<&'a Value> {
    facts.workflow["status"]["synchronization"][kind]["waiting"].get(0)
}

/// The mutexes that a workflow holds, with the workflow or the node that holds each.
fn holding(workflow: &Value) -> Vec<(&str, &str)> {
    let all = workflow["status"]["synchronization"]["mutex"]["holding"].as_array();
    all.into_iter()
        .flatten()
        .filter_map(|one| Some((one["mutex"].as_str()?, one["holder"].as_str()?)))
        .collect()
}

fn is_stopped(workflow: &Value) -> bool {
    workflow["spec"]["shutdown"].as_str().is_some_and(|how| !how.is_empty())
}

fn holds(workflow: &Value, lock: &str) -> Option<Holder> {
    let (_, place) = holding(workflow).into_iter().find(|(mutex, _)| *mutex == lock)?;
    let state = if is_stopped(workflow) { HolderState::Stopped } else { HolderState::Open };
    // A workflow's own status can name the holder by its node id alone, without namespace and workflow.
    let own = |key: &str| workflow["metadata"][key].as_str().unwrap_or_default();
    let place =
        if place.contains('/') { place.to_owned() } else { format!("{}/{}", own("namespace"), own("name")) };
    Some(Holder { place, state })
}

/// The finding about a lock, if no other step makes progress.
pub(super) fn cause(facts: &WorkflowFacts) -> Option<Finding> {
    if let Some(kept) = kept(facts) {
        return Some(kept);
    }
    let nodes = node::all(facts);
    let works = nodes.iter().any(|node| node.is_leaf() && node.is_open() && !node.waits());
    if works && facts.status("phase") != "Pending" {
        return None;
    }
    if let Some(mutex) = waiting(facts, "mutex") {
        return Some(of_mutex(facts, mutex["mutex"].as_str().unwrap_or_default()));
    }
    if let Some(semaphore) = waiting(facts, "semaphore") {
        let holders = semaphore["holders"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let holders = holders.collect::<Vec<_>>().join(", ");
        let name = semaphore["semaphore"].as_str().unwrap_or_default();
        let text = format!(
            "waits for the semaphore {name}, which is used up by {holders}; wait, or raise its limit"
        );
        return Some(facts.warn(text));
    }
    let message = facts.status("message");
    (facts.status("phase") == "Pending" && !message.is_empty())
        .then(|| facts.warn(format!("is Pending: {message}")))
}

fn of_mutex(facts: &WorkflowFacts, name: &str) -> Finding {
    let Holder { place, state } = &facts.holder;
    let place = if place.is_empty() { "another workflow" } else { place };
    let mut parts = place.split('/');
    let (namespace, holder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let waits = format!("waits for the mutex {name}");
    if is_stopped(&facts.workflow) {
        return facts.warn(format!(
            "{waits} although it was stopped: Argo ends it once its turn has come; argo terminate -n {} {} ends it now",
            facts.namespace, facts.name
        ));
    }
    match state {
        HolderState::Open => facts.warn(format!("{waits}, which {place} holds; wait for that, or stop it")),
        HolderState::Stopped => facts.fail(format!(
            "{waits}, which {place} holds: that was stopped and has not ended; unless its exit handler still runs, \
             argo terminate -n {namespace} {holder}"
        )),
        HolderState::Ended => facts.fail(format!(
            "{waits}, which {place} still holds though it has ended; where that lasts, restart the controller, which then \
             counts anew"
        )),
        HolderState::Nobody => facts.warn(format!(
            "{waits}, which no workflow holds by now ({place} has let it go): it is about to get its turn; where that lasts, \
             restart the controller, which then counts anew"
        )),
    }
}

/// The finding for a workflow that was stopped while it waited, got the lock, and is not reconciled again.
fn kept(facts: &WorkflowFacts) -> Option<Finding> {
    let (mutex, _) = holding(&facts.workflow).into_iter().next().filter(|_| is_stopped(&facts.workflow))?;
    let waits = |node: &node::StatusNode<'_>| node.is_plugin() && node.phase() == "Pending";
    let is_idle = facts.task_set.is_none() && node::all(facts).iter().any(waits);
    is_idle.then(|| {
        facts.fail(format!(
            "was stopped and does not end, and holds the mutex {mutex}, for which others wait; argo terminate -n {} {}. \
             A `synchronization` of the plugin's template, in place of the workflow's, does not come to that",
            facts.namespace, facts.name
        ))
    })
}
