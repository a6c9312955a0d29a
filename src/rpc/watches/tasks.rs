//! Finds withdrawn jobs from the changes of a workflow and its WorkflowTaskSet. A task counts as removed only if it
//! was seen before: on any doubt a job continues.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::jobs::JobKey;
use crate::kube::{Shutdown, TaskSet, WorkflowState};
use crate::templates::stable_template;

/// The last known state of one workflow.
pub(super) struct Tasks {
    uid: String,
    /// The jobs that Argo waits for, by node id; `None` if no WorkflowTaskSet was seen.
    tasks: Option<BTreeMap<String, JobKey>>,
    workflow: Option<WorkflowState>,
}

/// Jobs that Argo no longer waits for, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Withdrawn {
    /// The tasks of these jobs were removed from the WorkflowTaskSet.
    Left(BTreeSet<JobKey>),
    /// The workflow is being stopped, and these jobs are not exit handlers.
    Stopped(BTreeSet<JobKey>),
    /// The workflow has taken longer than this, and these jobs are not exit handlers. Argo itself ends only the
    /// workflow's pods.
    Expired(BTreeSet<JobKey>, Duration),
    /// The workflow is being terminated, with all its jobs.
    Terminated,
    /// The workflow has ended, so all its jobs must stop.
    Ended,
    /// The workflow was deleted, so all its jobs must stop.
    Deleted,
}

impl Tasks {
    /// The workflow `uid`, of which nothing is known yet.
    pub(super) fn new(uid: &str) -> Self {
        Self { uid: uid.to_owned(), tasks: None, workflow: None }
    }

    /// Stores the current WorkflowTaskSet, and returns the jobs that are withdrawn by it.
    pub(super) fn task_set(&mut self, now: Option<TaskSet>) -> Vec<Withdrawn> {
        // A workflow with the same name and another uid is not the one that we watch.
        let Some(now) = now.filter(|set| set.workflow.as_ref() == Some(&self.uid)) else {
            return self.tasks.take().map(|_| Withdrawn::Deleted).into_iter().collect();
        };
        let key = |(id, template)| (id, JobKey::derive(&self.uid, &stable_template(&template)));
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

    /// Stores the current Workflow, and returns the jobs that are withdrawn by it.
    pub(super) fn workflow(&mut self, now: Option<WorkflowState>) -> Vec<Withdrawn> {
        let now = now.filter(|workflow| workflow.uid.as_ref() == Some(&self.uid));
        let before = std::mem::replace(&mut self.workflow, now);
        match (before, &self.workflow) {
            (Some(_), None) => vec![Withdrawn::Deleted],
            _ => self.shut_down().into_iter().chain(self.expired(Timestamp::now())).collect(),
        }
    }

    /// The deadline of the workflow.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.workflow.as_ref()?.deadline.map(|(at, _)| at)
    }

    /// The jobs of the workflow if its deadline has passed at `now`.
    pub(super) fn expired(&self, now: Timestamp) -> Option<Withdrawn> {
        let workflow = self.workflow.as_ref()?;
        let (_, limit) = workflow.deadline.filter(|(at, _)| *at <= now)?;
        let keys = self.only(|id| workflow.is_exit_handler(id) == Some(false));
        (!keys.is_empty()).then_some(Withdrawn::Expired(keys, limit))
    }

    /// The jobs that belong to `chosen` nodes only.
    fn only(&self, chosen: impl Fn(&str) -> bool) -> BTreeSet<JobKey> {
        let (those, others): (Vec<_>, Vec<_>) = self.tasks.iter().flatten().partition(|(id, _)| chosen(id));
        let others: BTreeSet<_> = others.into_iter().map(|(_, key)| key).collect();
        those.into_iter().map(|(_, key)| key).filter(|key| !others.contains(key)).cloned().collect()
    }

    /// A stopped node stays in the WorkflowTaskSet for as long as the agent reports it as Running: the controller
    /// trusts the agent, so the node does not stay Failed.
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
