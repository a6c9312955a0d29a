//! Finds out and remembers which of two commits is newer. The source's server is asked in a background task.
//!
//! A source's server may take minutes to answer, or never answer. So a lane task does not wait for it while it holds the
//! branch's lock, and the other writers of the lane wait only for a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::super::ancestry::{CommitOrder, compare_commits};
use super::super::request::SourceCommit;
use super::PlannedWrite;
use crate::git::{Git, GitError};
use crate::time_limits::within;

/// The source repository and the login. An answer for one login is not used for another.
type SourceId = (String, [u8; 32]);

/// The source, our commit, and their commit.
pub(in crate::write_back) type Question = (SourceId, String, String);

/// The maximum number of concurrent requests to one source.
const AT_ONCE: usize = 8;

/// The order of a writer's commit and the commits that were written before.
pub(in crate::write_back) enum Order {
    /// None of them is newer; the texts say what had to be assumed.
    Newest(Vec<String>),
    /// This commit is newer.
    Newer(String),
    /// These questions have no answer yet.
    Unanswered(Vec<Question>),
    /// The source could not be asked.
    Failed(GitError),
}

/// The answer to one question: whether our commit is older or newer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum OrderAnswer {
    Older,
    Newer,
    /// The order is unknown. Ours counts as newer, and the text says so.
    Assumed(String),
}

/// The answers so far. They stay valid, because the order of two commits never changes. Dropping it cancels the
/// requests.
#[derive(Debug, Default)]
pub(in crate::write_back) struct Orders {
    known: BTreeMap<Question, OrderAnswer>,
    failed: BTreeMap<Question, GitError>,
    open: BTreeSet<Question>,
    asking: JoinSet<(Question, Result<OrderAnswer, GitError>)>,
    /// Sources that exceeded a wait and have not answered since.
    slow: BTreeSet<SourceId>,
    limits: BTreeMap<SourceId, Arc<Semaphore>>,
}

impl Orders {
    /// Whether one of `theirs` is newer than the writer's own commit. Starts the requests for unknown answers.
    pub(in crate::write_back) fn newer(
        &mut self,
        git: &Git,
        planned: &PlannedWrite,
        theirs: &[String],
    ) -> Order {
        let source = planned.source();
        let asked = (source.repo.to_string(), source.credentials.fingerprint());
        let (mut open, mut newer, mut assumed) = (Vec::new(), None, Vec::new());
        for commit in theirs {
            let question = (asked.clone(), source.commit.clone(), commit.clone());
            if let Some(error) = self.failed.get(&question) {
                return Order::Failed(error.clone());
            }
            match self.known.get(&question) {
                Some(OrderAnswer::Older) => newer = newer.or_else(|| Some(commit.clone())),
                Some(OrderAnswer::Newer) => {}
                Some(OrderAnswer::Assumed(what)) => assumed.push(what.clone()),
                None => {
                    self.ask(git, source, &question);
                    open.push(question);
                }
            }
        }
        match newer {
            _ if !open.is_empty() => Order::Unanswered(open),
            Some(commit) => Order::Newer(commit),
            None => Order::Newest(assumed),
        }
    }

    fn ask(&mut self, git: &Git, source: &SourceCommit, question: &Question) {
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

    /// Whether one of `questions` has no answer yet.
    pub(in crate::write_back) fn is_open(&self, questions: &[Question]) -> bool {
        questions.iter().any(|question| self.open.contains(question))
    }

    /// Waits for the answers to `questions` until `until` at most. Does not wait for a source that is known to be
    /// slow.
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
            // A task without an answer was aborted. This happens only when all tasks are aborted at the end.
            Some(Err(_)) => {}
            None => self.open.clear(),
        }
    }

    /// Records the answers that have arrived.
    pub(in crate::write_back) fn take_answers(&mut self) {
        while let Some(ended) = self.asking.try_join_next() {
            if let Ok((question, answer)) = ended {
                self.take(question, answer);
            }
        }
    }

    fn take(&mut self, question: Question, answer: Result<OrderAnswer, GitError>) {
        self.open.remove(&question);
        match answer {
            Ok(known) => {
                self.slow.remove(&question.0);
                self.known.insert(question, known);
            }
            Err(error) => drop(self.failed.insert(question, error)),
        }
    }

    /// Forgets failures after the writers got them, so that the questions can be asked again.
    pub(in crate::write_back) fn forget_failures(&mut self) {
        self.failed.clear();
    }

    /// Forgets old answers, because a busy branch's lane task may run all day.
    pub(in crate::write_back) fn forget(&mut self) {
        self.known.clear();
        self.limits.retain(|_, limit| Arc::strong_count(limit) > 1);
    }
}

/// Asks one question, within the time limit for it.
async fn answer(
    git: &Git,
    source: &SourceCommit,
    theirs: &str,
    limit: &Semaphore,
) -> Result<OrderAnswer, GitError> {
    let limit_of_question = git.options().resolve_timeout;
    let asked = async {
        let _permit = limit.acquire().await;
        compare_commits(git, source, theirs).await
    };
    match within(limit_of_question, "its server", asked).await {
        Ok(compare_commits) => Ok(known(compare_commits?, source, theirs)),
        Err(late) => {
            let what = format!("which of {} and {theirs} is newer was not told: {late}", source.commit);
            Err(GitError::Unavailable { repo: source.repo.to_string(), action: "read", what, cause: None })
        }
    }
}

fn known(compare_commits: CommitOrder, source: &SourceCommit, theirs: &str) -> OrderAnswer {
    match compare_commits {
        CommitOrder::Newer => OrderAnswer::Newer,
        CommitOrder::Older => OrderAnswer::Older,
        CommitOrder::Unknown(why) => {
            let (repo, ours) = (&source.repo, &source.commit);
            let what =
                format!("commit {ours} of {repo} was taken for newer than {theirs}, which was there: {why}");
            tracing::warn!("{what}");
            OrderAnswer::Assumed(what)
        }
    }
}
