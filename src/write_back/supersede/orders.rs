//! Which of two commits is newer: asked of the source's server beside everything else, and remembered.
//!
//! A source's server may take minutes to answer, or never answer. So nobody waits for it who holds a branch's turn, and
//! other writers of the lane wait for a moment only.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::super::ancestry::{Standing, standing};
use super::super::request::Source;
use super::Claim;
use crate::git::{Git, GitError};
use crate::time_limits::within;

/// A source repository and who asks it. What one login was not shown is no answer to another.
type Asked = (String, [u8; 32]);

/// Of which source, our commit, and theirs.
pub(in crate::write_back) type Question = (Asked, String, String);

/// Requests to one source under way at once.
const AT_ONCE: usize = 8;

/// What is known of a claim and the commits that were written before.
pub(in crate::write_back) enum Order {
    /// None of them is newer; what had to be assumed for that.
    Newest(Vec<String>),
    /// This one is.
    Newer(String),
    /// These questions have no answer yet.
    NotYet(Vec<Question>),
    /// The source could not be asked.
    Failed(GitError),
}

/// Whether our commit is the older one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    Older,
    Newer,
    /// It cannot be told. It counts as newer, and this is said.
    Assumed(String),
}

/// The answers so far; history does not change its order. Dropping it ends the requests.
#[derive(Debug, Default)]
pub(in crate::write_back) struct Orders {
    known: BTreeMap<Question, Known>,
    failed: BTreeMap<Question, GitError>,
    open: BTreeSet<Question>,
    asking: JoinSet<(Question, Result<Known, GitError>)>,
    /// Sources that left somebody waiting, and have not answered since.
    slow: BTreeSet<Asked>,
    limits: BTreeMap<Asked, Arc<Semaphore>>,
}

impl Orders {
    /// Whether one of `theirs` is newer than the claim's own commit. What is not known is asked from here on.
    pub(in crate::write_back) fn newer(&mut self, git: &Git, claim: &Claim, theirs: &[String]) -> Order {
        let source = claim.source();
        let asked = (source.repo.to_string(), source.credentials.fingerprint());
        let (mut open, mut newer, mut assumed) = (Vec::new(), None, Vec::new());
        for commit in theirs {
            let question = (asked.clone(), source.commit.clone(), commit.clone());
            if let Some(error) = self.failed.get(&question) {
                return Order::Failed(error.clone());
            }
            match self.known.get(&question) {
                Some(Known::Older) => newer = newer.or_else(|| Some(commit.clone())),
                Some(Known::Newer) => {}
                Some(Known::Assumed(what)) => assumed.push(what.clone()),
                None => {
                    self.ask(git, source, &question);
                    open.push(question);
                }
            }
        }
        match newer {
            _ if !open.is_empty() => Order::NotYet(open),
            Some(commit) => Order::Newer(commit),
            None => Order::Newest(assumed),
        }
    }

    fn ask(&mut self, git: &Git, source: &Source, question: &Question) {
        if !self.open.insert(question.clone()) {
            return;
        }
        let limit = self.limits.entry(question.0.clone());
        let limit = Arc::clone(limit.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))));
        let (git, source, question) = (git.clone(), source.clone(), question.clone());
        let asking = async move {
            let asked = AssertUnwindSafe(answer(&git, &source, &question.2, &limit)).catch_unwind().await;
            let broke = |_| Err(GitError::local("compare two commits", "the comparison broke off"));
            (question, asked.unwrap_or_else(broke))
        };
        self.asking.spawn(asking.in_current_span());
    }

    /// Whether there is no answer to one of `questions` yet.
    pub(in crate::write_back) fn is_open(&self, questions: &[Question]) -> bool {
        questions.iter().any(|question| self.open.contains(question))
    }

    /// Waits for the answers to `questions`, but not beyond `until`, and not for a source that is known to be slow.
    pub(in crate::write_back) async fn wait(&mut self, questions: &[Question], until: Instant) {
        while questions.iter().any(|q| self.open.contains(q) && !self.slow.contains(&q.0)) {
            if timeout_at(until, self.next()).await.is_err() {
                let late = questions.iter().filter(|q| self.open.contains(*q)).map(|q| q.0.clone());
                self.slow.extend(late.collect::<Vec<_>>());
            }
        }
    }

    /// Waits for one answer.
    pub(in crate::write_back) async fn next(&mut self) {
        match self.asking.join_next().await {
            Some(Ok((question, answer))) => self.take(question, answer),
            // A task that ended without an answer was aborted, which happens to all of them at the end only.
            Some(Err(_)) => {}
            None => self.open.clear(),
        }
    }

    /// Takes in the answers that have come.
    pub(in crate::write_back) fn hear(&mut self) {
        while let Some(ended) = self.asking.try_join_next() {
            if let Ok((question, answer)) = ended {
                self.take(question, answer);
            }
        }
    }

    fn take(&mut self, question: Question, answer: Result<Known, GitError>) {
        self.open.remove(&question);
        match answer {
            Ok(known) => {
                self.slow.remove(&question.0);
                self.known.insert(question, known);
            }
            Err(error) => drop(self.failed.insert(question, error)),
        }
    }

    /// Lets what failed be asked again, once those who asked for it have been told.
    pub(in crate::write_back) fn forget_failures(&mut self) {
        self.failed.clear();
    }

    /// Lets go what was learnt, for a branch that is written all day.
    pub(in crate::write_back) fn forget(&mut self) {
        self.known.clear();
        self.limits.retain(|_, limit| Arc::strong_count(limit) > 1);
    }
}

/// Asks, within the limit for one question.
async fn answer(git: &Git, source: &Source, theirs: &str, limit: &Semaphore) -> Result<Known, GitError> {
    let limit_of_question = git.options().resolve_timeout;
    let asked = async {
        let _permit = limit.acquire().await;
        standing(git, source, theirs).await
    };
    match within(limit_of_question, "its server", asked).await {
        Ok(standing) => Ok(known(standing?, source, theirs)),
        Err(late) => {
            let what = format!("which of {} and {theirs} is newer was not told: {late}", source.commit);
            Err(GitError::Unavailable { repo: source.repo.to_string(), action: "read", what, cause: None })
        }
    }
}

fn known(standing: Standing, source: &Source, theirs: &str) -> Known {
    match standing {
        Standing::Newer => Known::Newer,
        Standing::Older => Known::Older,
        Standing::Unknown(why) => {
            let (repo, ours) = (&source.repo, &source.commit);
            let what =
                format!("commit {ours} of {repo} was taken for newer than {theirs}, which was there: {why}");
            tracing::warn!("{what}");
            Known::Assumed(what)
        }
    }
}
