//! Submits the Workflows of commits, and reads those that exist under their names.

use super::super::submission::{Wish, submit_as};
use super::Sweep;
use super::candidate::{self, Candidate};
use super::places::SUBMISSIONS;
use super::polled::Polled;
use super::report::About;
use super::servers::{Asked, GivenUp, given_up};
use crate::kube::{FoundWorkflow, Submitted};
use crate::outcome::{Fault, StepError};
use crate::selection::GitRef;

/// The end of the name of a Workflow that is submitted although its commit's own exists.
const AGAIN: &str = "-2";

/// The reason for a branch whose head is not the one that was listed.
pub(super) const MOVED: &str = "the branch has moved or is gone; the next run looks again";

/// The name of the API server in messages.
const API: &str = "of the Kubernetes API";

impl Sweep<'_> {
    /// Submits a Workflow, if there is room and none has its name. One that says nothing about the commit is passed over once.
    pub(super) async fn submit(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
        wish: Wish<'_>,
        is_compared: bool,
    ) -> Result<(), StepError> {
        let about = About { service: wish.service, git_ref: &candidate.full_name };
        if self.has_moved(polled, candidate).await? {
            self.skipped(about, MOVED);
            return Ok(());
        }
        let mut name = wish.name();
        if self.create(name.clone(), polled, wish, about).await? {
            return Ok(());
        }
        let mut found = self.find(&name).await?;
        if found.as_ref().is_some_and(|found| !is_final(found, is_compared)) {
            if let Some(reason) = self.built_meanwhile(polled, candidate, wish.commit).await? {
                self.with_report(|report| report.up_to_date(about, &reason));
                return Ok(());
            }
            name.push_str(AGAIN);
            if self.create(name.clone(), polled, wish, about).await? {
                return Ok(());
            }
            found = self.find(&name).await?;
        }
        let gone = FoundWorkflow { phase: String::new(), superseded: false, pushed: None };
        self.skipped(about, &tried(&name, &found.unwrap_or(gone)));
        Ok(())
    }

    /// Whether the branch has another head by now. The hook of that one may have its Workflow already, and ours, made later, would
    /// end it.
    async fn has_moved(&self, polled: Polled<'_>, candidate: &Candidate) -> Result<bool, StepError> {
        match candidate.git_ref {
            GitRef::Branch(_) => {
                let is_head = polled.commits.is_head(self, &candidate.full_name, &candidate.commit).await?;
                Ok(!is_head)
            }
            _ => Ok(false),
        }
    }

    /// The reason to build nothing, if the image of `commit` is there by now: its Workflow may have ended after the registry was asked.
    async fn built_meanwhile(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
        commit: &str,
    ) -> Result<Option<String>, StepError> {
        let tag = candidate.tag_of(commit);
        let is_built = self.has_image(polled.service, &tag).await?;
        Ok(is_built.then(|| candidate::is_there(polled.service, &tag)))
    }

    /// Creates a Workflow; false if one has its name.
    async fn create(
        &self,
        name: String,
        polled: Polled<'_>,
        wish: Wish<'_>,
        about: About<'_>,
    ) -> Result<bool, StepError> {
        if !self.with_places(|places| places.take(polled.group)) {
            self.skipped(about, &full());
            return Ok(true);
        }
        let call = &polled.service.workflow;
        let ask = async { asked(submit_as(&self.submitter, self.cx, name.clone(), wish, call).await) };
        let ended = self.api_servers.ask(API, ask).await;
        let ended = ended.unwrap_or_else(|GivenUp| Err(given_up("server", API)));
        let submitted = matches!(ended, Ok(Submitted::Created));
        match submitted {
            true => self.with_report(|report| report.submitted(&name)),
            false => self.with_places(|places| places.give_back(polled.group)),
        }
        ended.map(|_| submitted)
    }

    /// The Workflow `name`, if there is one.
    pub(super) async fn find(&self, name: &str) -> Result<Option<FoundWorkflow>, StepError> {
        let ask = async { asked(self.submitter.find(name).await.map_err(StepError::from)) };
        self.api_servers.ask(API, ask).await.unwrap_or_else(|GivenUp| Err(given_up("server", API)))
    }
}

/// An answer of the API server, or what says that it is away.
fn asked<T>(answer: Result<T, StepError>) -> Asked<Result<T, StepError>> {
    match answer {
        Err(error) if error.fault == Fault::Transient => Asked::Away(Err(error)),
        answer => Asked::Answer(answer),
    }
}

pub(super) fn full() -> String {
    format!(
        "this run submits at most {SUBMISSIONS} workflows, and of one repository fewer while others are not done; the next run continues"
    )
}

/// Whether the Workflow of a commit without an image says that the commit was tried. One that an older commit's Workflow has
/// superseded does not. With `decides`, neither does one that has succeeded: its own `select` compared with the commit before its push.
pub(super) fn is_final(found: &FoundWorkflow, decides: bool) -> bool {
    let is_superseded = found.superseded && matches!(found.phase.as_str(), "Failed" | "Error" | "Succeeded");
    !(is_superseded || decides && found.phase == "Succeeded")
}

/// The reason why a Workflow is not submitted that exists.
pub(super) fn tried(workflow: &str, found: &FoundWorkflow) -> String {
    match found.phase.as_str() {
        "" | "Pending" | "Running" => format!("workflow {workflow} builds it"),
        "Succeeded" => format!(
            "workflow {workflow} has succeeded without this image: either its `select` found nothing to build, or it pushes another \
             name, so compare its `image` and `image-tag` with `image` here"
        ),
        phase => format!(
            "workflow {workflow} ended as {phase}; it is not submitted again while that one exists: read it, then run `argo retry \
             {workflow}` or `argo delete {workflow}`"
        ),
    }
}
