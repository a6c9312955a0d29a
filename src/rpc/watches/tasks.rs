//! What a workflow and its WorkflowTaskSet, as they change, say about jobs. Only what was seen can be seen to be
//! gone: on any doubt a job is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::jobs::JobKey;
use crate::kube::{Shutdown, TaskSet, WorkflowState};

/// What was last seen of one workflow.
pub(super) struct Tasks {
    uid: String,
    /// The jobs that Argo waits for, by node id; nothing where no WorkflowTaskSet was seen.
    tasks: Option<BTreeMap<String, JobKey>>,
    workflow: Option<WorkflowState>,
}

/// What Argo no longer waits for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Withdrawn {
    /// These jobs: their tasks have left the WorkflowTaskSet.
    Left(BTreeSet<JobKey>),
    /// These jobs: the workflow is being stopped, and they are no exit handlers.
    Stopped(BTreeSet<JobKey>),
    /// These jobs: the workflow has taken longer than this, and they are no exit handlers. Argo ends only its pods.
    Expired(BTreeSet<JobKey>, Duration),
    /// Every job of the workflow, which is being terminated.
    Terminated,
    /// Every job of the workflow, which has ended.
    Ended,
    /// Every job of the workflow, which is no more.
    Deleted,
}

impl Tasks {
    /// The workflow `uid`, of which nothing was seen yet.
    pub(super) fn new(uid: &str) -> Self {
        Self { uid: uid.to_owned(), tasks: None, workflow: None }
    }

    /// Takes in the WorkflowTaskSet that there is now.
    pub(super) fn task_set(&mut self, now: Option<TaskSet>) -> Vec<Withdrawn> {
        // Another workflow of the same name is none of ours.
        let Some(now) = now.filter(|set| set.workflow.as_ref() == Some(&self.uid)) else {
            return self.tasks.take().map(|_| Withdrawn::Deleted).into_iter().collect();
        };
        let key = |(id, template)| (id, JobKey::derive(&self.uid, &template));
        let tasks: BTreeMap<_, _> = now.tasks.into_iter().map(key).collect();
        let before = keys(self.tasks.as_ref());
        let left: BTreeSet<_> = before.difference(&keys(Some(&tasks))).cloned().collect();
        self.tasks = Some(tasks);
        if now.completed {
            return vec![Withdrawn::Ended];
        }
        let left = (!left.is_empty()).then_some(Withdrawn::Left(left));
        left.into_iter().chain(self.shut_down()).chain(self.expired(Timestamp::now())).collect()
    }

    /// Takes in the Workflow that there is now.
    pub(super) fn workflow(&mut self, now: Option<WorkflowState>) -> Vec<Withdrawn> {
        let now = now.filter(|workflow| workflow.uid.as_ref() == Some(&self.uid));
        let before = std::mem::replace(&mut self.workflow, now);
        match (before, &self.workflow) {
            (Some(_), None) => vec![Withdrawn::Deleted],
            _ => self.shut_down().into_iter().chain(self.expired(Timestamp::now())).collect(),
        }
    }

    /// When the workflow's time is up.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.workflow.as_ref()?.deadline.map(|(at, _)| at)
    }

    /// The jobs whose workflow's time is up by `now`.
    pub(super) fn expired(&self, now: Timestamp) -> Option<Withdrawn> {
        let workflow = self.workflow.as_ref()?;
        let (_, limit) = workflow.deadline.filter(|(at, _)| *at <= now)?;
        let keys = self.only(|id| workflow.is_exit_handler(id) == Some(false));
        (!keys.is_empty()).then_some(Withdrawn::Expired(keys, limit))
    }

    /// The jobs of the nodes that are `chosen`, and of no others.
    fn only(&self, chosen: impl Fn(&str) -> bool) -> BTreeSet<JobKey> {
        let (those, others): (Vec<_>, Vec<_>) = self.tasks.iter().flatten().partition(|(id, _)| chosen(id));
        let others: BTreeSet<_> = others.into_iter().map(|(_, key)| key).collect();
        those.into_iter().map(|(_, key)| key).filter(|key| !others.contains(key)).cloned().collect()
    }

    /// A stopped node stays in the WorkflowTaskSet for as long as the agent reports it Running: the controller
    /// takes the agent's word, and the node is not Failed for good.
    fn shut_down(&self) -> Option<Withdrawn> {
        let workflow = self.workflow.as_ref()?;
        match workflow.shutdown? {
            Shutdown::Terminate => Some(Withdrawn::Terminated),
            Shutdown::Stop => {
                let keys = self.only(|id| workflow.stops(id));
                (!keys.is_empty()).then_some(Withdrawn::Stopped(keys))
            }
            Shutdown::Other => None,
        }
    }
}

fn keys(tasks: Option<&BTreeMap<String, JobKey>>) -> BTreeSet<JobKey> {
    tasks.into_iter().flat_map(BTreeMap::values).cloned().collect()
}

#[cfg(test)]
mod tests;
