//! A branch whose head has no image: which commit of it is to be built, and whether its paths ask for a build.

use std::sync::Arc;

use super::Sweep;
use super::candidate::Candidate;
use super::commits::{DEPTHS, Line, Seen};
use super::polled::{Polled, Verdict};
use super::submit::{MOVED, is_final, tried};
use crate::git::GitError;
use crate::outcome::StepError;
use crate::selection::{Change, ChangedFiles, Decision, Uncompared, workflow_name};

/// How many hexadecimal digits of a commit a reason shows.
const SHOWN: usize = 12;

impl Sweep<'_> {
    /// Decides about the branch of `candidate`, whose head has no image.
    pub(super) async fn branch(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
    ) -> Result<Verdict, StepError> {
        if let Some(tried) = self.tried(polled, candidate, &candidate.commit).await? {
            return Ok(tried);
        }
        if candidate.commit.len() != 40 {
            return self.decided(
                polled,
                candidate,
                &candidate.commit,
                &Change::Uncompared(Uncompared::Sha256),
            );
        }
        for depth in DEPTHS {
            let line = match polled.commits.line(self, &candidate.commit, depth).await? {
                Ok(line) => line,
                Err(GitError::Revision { .. }) => return Ok(Verdict::Skip(MOVED.to_owned())),
                Err(error) => return Err(error.into()),
            };
            if let Some(verdict) = self.on_line(polled, candidate, &line, depth).await? {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Skip("its newest commits are all write-backs of argo-buildkit itself".to_owned()))
    }

    /// The verdict, unless more commits are needed for it.
    async fn on_line(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
        line: &Arc<Line>,
        depth: u32,
    ) -> Result<Option<Verdict>, StepError> {
        let Some(at) = line.commits.iter().position(|commit| !commit.is_ours) else { return Ok(None) };
        let Some((newest, below)) = line.commits.get(at..).and_then(<[Seen]>::split_first) else {
            return Ok(None);
        };
        if at > 0
            && let Some(verdict) = self.below_write_backs(polled, candidate, &newest.id).await?
        {
            return Ok(Some(verdict));
        }
        if let Some(mark) = newest.mark {
            return Ok(Some(Verdict::Skip(format!("the message of {} has `{mark}`", short(&newest.id)))));
        }
        if polled.service.rule.paths.is_empty() {
            let all = Change::Files(ChangedFiles::default());
            return self.decided(polled, candidate, &newest.id, &all).map(Some);
        }
        let built = self.newest_built(polled, candidate, below).await?;
        let change = match built {
            Some(built) => polled.commits.change(self, &built, &newest.id).await?,
            None if !line.is_whole && DEPTHS.last() != Some(&depth) => return Ok(None),
            None => Arc::new(Change::Uncompared(Uncompared::NoImage)),
        };
        self.decided(polled, candidate, &newest.id, &change).map(Some)
    }

    /// The verdict about `commit`, above which all commits are write-backs, if it was built or tried.
    async fn below_write_backs(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
        commit: &str,
    ) -> Result<Option<Verdict>, StepError> {
        if self.has_image(polled.service, &candidate.tag_of(commit)).await? {
            let commit = short(commit);
            let reason =
                format!("only write-backs of argo-buildkit itself since {commit}, whose image is there");
            return Ok(Some(Verdict::UpToDate(reason)));
        }
        self.tried(polled, candidate, commit).await
    }

    /// The newest of `commits` whose image is there.
    async fn newest_built(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
        commits: &[Seen],
    ) -> Result<Option<String>, StepError> {
        let tags: Vec<_> = commits.iter().map(|commit| candidate.tag_of(&commit.id)).collect();
        if tags.is_empty() {
            return Ok(None);
        }
        let newest = self.first_image(polled.service, &tags).await?;
        let at = newest.and_then(|newest| tags.iter().position(|tag| *tag == newest));
        Ok(at.and_then(|at| commits.get(at)).map(|commit| commit.id.clone()))
    }

    fn decided(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
        commit: &str,
        change: &Change,
    ) -> Result<Verdict, StepError> {
        let decision = polled.service.rule.decide(&candidate.git_ref, change).map_err(StepError::user)?;
        let Decision { selected, reason } = decision;
        Ok(match selected {
            true => {
                let is_compared = matches!(change, Change::Files(files) if !files.0.is_empty());
                Verdict::Build { commit: commit.to_owned(), reason, is_compared }
            }
            false => Verdict::Skip(format!("{reason} since the newest commit with an image")),
        })
    }

    /// The verdict if a Workflow was submitted for `commit` already, and says all.
    async fn tried(
        &self,
        polled: Polled<'_>,
        candidate: &Candidate,
        commit: &str,
    ) -> Result<Option<Verdict>, StepError> {
        let name = workflow_name(&polled.service.name, &candidate.git_ref, commit);
        let found =
            self.find(&name).await?.filter(|found| is_final(found, !polled.service.rule.paths.is_empty()));
        Ok(found.map(|found| Verdict::Skip(tried(&name, &found))))
    }
}

fn short(commit: &str) -> &str {
    crate::text::head(commit, SHOWN)
}
