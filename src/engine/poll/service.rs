//! One service: which of its heads have an image, and what becomes of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};

use super::super::submission::Wish;
use super::Sweep;
use super::candidate::{Candidate, is_there};
use super::polled::{Polled, Verdict};
use super::report::About;
use super::servers::{Asked, GivenUp, given_up};
use super::submit::full;
use crate::git::heads::Head;
use crate::oci::OciError;
use crate::outcome::StepError;
use crate::selection::{GitRef, workflow_name};
use crate::step::PolledService;
use crate::time_limits::{PeerActivity, calls, within};

/// The branches and then the tags, each in an order of this run alone. So if a run ends early, it is not the same ones each time
/// that are not looked at.
fn in_turn(candidates: BTreeMap<String, Candidate>) -> Vec<Candidate> {
    let order = RandomState::new();
    let mut candidates: Vec<_> = candidates.into_values().collect();
    candidates.sort_by_cached_key(|candidate| {
        (matches!(candidate.git_ref, GitRef::Tag(_)), order.hash_one(&candidate.full_name))
    });
    candidates
}

impl Sweep<'_> {
    /// Polls the heads of a service. What fails is in the report.
    pub(super) async fn service(&self, polled: Polled<'_>, heads: Vec<Head>) {
        let name = &polled.service.name;
        if let Err(error) = self.heads_of(polled, heads).await {
            self.failed(About { service: name, git_ref: "" }, &error);
        }
    }

    pub(super) fn failed(&self, about: About<'_>, error: &StepError) {
        let reason = self.cx.redactor.line(&error.message);
        self.with_report(|report| report.failed(about, error.fault, &reason));
    }

    pub(super) fn skipped(&self, about: About<'_>, reason: &str) {
        let reason = self.cx.redactor.line(reason);
        self.with_report(|report| report.skipped(about, &reason));
    }

    async fn heads_of(&self, polled: Polled<'_>, heads: Vec<Head>) -> Result<(), StepError> {
        let service = polled.service;
        polled.commits.budget.check()?;
        if heads.is_empty() {
            let about = About { service: &service.name, git_ref: "" };
            self.skipped(about, "the repository has no branch and no tag that `branches` or `tags` match");
            return Ok(());
        }
        let mut candidates = BTreeMap::new();
        for head in heads {
            match Candidate::of(service, head) {
                // A commit is built once for all branches.
                Ok(candidate) => {
                    let workflow = workflow_name(&service.name, &candidate.git_ref, &candidate.commit);
                    candidates.entry(workflow).or_insert(candidate);
                }
                Err((git_ref, why)) => {
                    self.skipped(About { service: &service.name, git_ref: &git_ref }, &why)
                }
            }
        }
        let tags = candidates.values().map(Candidate::tag).collect();
        let present = self.images(service, &tags).await?;
        for candidate in in_turn(candidates) {
            let about = About { service: &service.name, git_ref: &candidate.full_name };
            if present.contains(&candidate.tag()) {
                let reason = is_there(service, &candidate.tag());
                self.with_report(|report| report.up_to_date(about, &reason));
                continue;
            }
            polled.commits.budget.check()?;
            if let Err(error) = self.missing(polled, &candidate).await {
                self.failed(about, &error);
            }
        }
        Ok(())
    }

    /// Those of `tags` that the service's image repository has.
    pub(super) async fn images(
        &self,
        service: &PolledService,
        tags: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, StepError> {
        let auth = self.engine.registry_auth(self.cx, service.registry_secret.as_ref()).await?;
        let (access, answers) = ((&auth, service.insecure), PeerActivity::default());
        let asked = self.engine.registry.tags_present(&service.image, tags, access, &answers);
        self.of_registry(service, &answers, asked).await
    }

    /// Whether the service's image repository has `tag`.
    pub(super) async fn has_image(&self, service: &PolledService, tag: &str) -> Result<bool, StepError> {
        Ok(self.images(service, &BTreeSet::from([tag.to_owned()])).await?.contains(tag))
    }

    /// The first of `tags` that the service's image repository has, as far as the registry tells.
    pub(super) async fn first_image(
        &self,
        service: &PolledService,
        tags: &[String],
    ) -> Result<Option<String>, StepError> {
        let auth = self.engine.registry_auth(self.cx, service.registry_secret.as_ref()).await?;
        let (access, answers) = ((&auth, service.insecure), PeerActivity::default());
        let asked = self.engine.registry.first_present(&service.image, tags, access, &answers);
        self.of_registry(service, &answers, asked).await
    }

    /// Asks the service's registry in its turn. One that gave an answer and is late with others is slow, and not away.
    async fn of_registry<T>(
        &self,
        service: &PolledService,
        answers: &PeerActivity,
        asked: impl Future<Output = Result<T, OciError>>,
    ) -> Result<T, StepError> {
        let host = service.image.registry();
        let ask = async {
            match within(calls::REGISTRY_IMAGES.whole(), format!("registry {host}"), asked).await {
                Ok(Err(error @ OciError::Unreachable { .. })) => Asked::Away(Err(error.into())),
                Ok(answer) => Asked::Answer(answer.map_err(StepError::from)),
                Err(late) => {
                    let what = format!("registry {}", service.image.name());
                    let error = StepError::from(OciError::Unreachable { what, why: late.to_string() });
                    if answers.count() > 0 { Asked::Answer(Err(error)) } else { Asked::Away(Err(error)) }
                }
            }
        };
        match self.registries.ask(host, ask).await {
            Ok(answer) => answer,
            Err(GivenUp) => Err(given_up("registry", host)),
        }
    }

    /// Decides about a candidate without an image, and submits its Workflow.
    async fn missing(&self, polled: Polled<'_>, candidate: &Candidate) -> Result<(), StepError> {
        let service = polled.service;
        let about = About { service: &service.name, git_ref: &candidate.full_name };
        if !self.with_places(|places| places.has_room(polled.group)) {
            self.skipped(about, &full());
            return Ok(());
        }
        let verdict = match &candidate.git_ref {
            GitRef::Tag(_) => {
                let reason = format!("{} has no image", candidate.git_ref);
                Verdict::Build { commit: candidate.commit.clone(), reason, is_compared: false }
            }
            _ => self.branch(polled, candidate).await?,
        };
        match verdict {
            Verdict::UpToDate(reason) => self.with_report(|report| report.up_to_date(about, &reason)),
            Verdict::Skip(reason) => self.skipped(about, &reason),
            Verdict::Build { commit, reason, is_compared } => {
                let reason = self.cx.redactor.line(&reason);
                let wish = Wish {
                    service: &service.name,
                    repo: &service.repo,
                    git_ref: &candidate.git_ref,
                    commit: &commit,
                    reason: &reason,
                    // Its head was read just now, so its own creation time is that of its push.
                    pushed_at: None,
                };
                self.submit(polled, candidate, wish, is_compared).await?;
            }
        }
        Ok(())
    }
}
