//! The services of one repository and login. Their branches and tags are listed once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Sweep;
use super::budget::Budget;
use super::commits::Commits;
use super::polled::Polled;
use super::report::About;
use super::servers::{Asked, GivenUp, given_up};
use crate::git::heads::{Head, Heads};
use crate::git::{Credentials, RepoUrl};
use crate::outcome::StepError;
use crate::selection::{RefFilter, RefMatcher};
use crate::step::{PolledService, SecretRef};

/// The most branches and tags of one repository that are looked at.
const HEADS: usize = 5000;
/// How many services of one repository are worked on at a time, so that they leave room for the heads of others.
const SERVICES: usize = 8;
/// The most time that the names of one repository are compared with patterns. Nothing else runs on the thread meanwhile.
const MATCHING: Duration = Duration::from_secs(5);

/// The services of one repository that use one login.
pub(super) struct Group<'a> {
    repo: &'a RepoUrl,
    secret: Option<&'a SecretRef>,
    pub(super) services: Vec<&'a PolledService>,
}

/// The patterns of a group, each compiled once, and the time that they took.
struct Matching<'a> {
    patterns: Vec<(&'a RefFilter, RefMatcher)>,
    spent: AtomicU64,
}

impl<'a> Group<'a> {
    /// The groups of `services`, in their order.
    pub(super) fn all(services: &'a [PolledService]) -> Vec<Self> {
        let mut groups = Vec::<Self>::new();
        let mut places = std::collections::HashMap::new();
        for service in services {
            let (repo, secret) = (&service.repo, service.secret.as_ref());
            let place = *places.entry((repo, secret)).or_insert_with(|| {
                groups.push(Self { repo, secret, services: Vec::new() });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(place) {
                group.services.push(service);
            }
        }
        groups
    }
}

impl<'a> Matching<'a> {
    fn of(group: &Group<'a>) -> Self {
        let mut patterns = Vec::<(&RefFilter, RefMatcher)>::new();
        for service in &group.services {
            let filter = &service.rule.refs;
            if !patterns.iter().any(|(known, _)| *known == filter) {
                patterns.push((filter, filter.matcher()));
            }
        }
        Self { patterns, spent: AtomicU64::new(0) }
    }

    /// Whether a service builds the ref `full`. Without time left, none does.
    fn any(&self, full: &str) -> bool {
        self.patterns.iter().any(|(_, matcher)| self.builds(matcher, full))
    }

    fn one(&self, filter: &RefFilter, full: &str) -> bool {
        let matcher = self.patterns.iter().find(|(known, _)| *known == filter);
        matcher.is_some_and(|(_, matcher)| self.builds(matcher, full))
    }

    fn builds(&self, matcher: &RefMatcher, full: &str) -> bool {
        if self.is_over() {
            return false;
        }
        let begun = Instant::now();
        let builds = matcher.builds(full);
        let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(took, Ordering::Relaxed);
        builds
    }

    fn is_over(&self) -> bool {
        u128::from(self.spent.load(Ordering::Relaxed)) > MATCHING.as_nanos()
    }
}

impl Sweep<'_> {
    /// Polls the services of `group`, which has the number `nth`. What fails is in the report.
    pub(super) async fn group(&self, nth: usize, group: &Group<'_>) {
        if let Err(error) = self.listed(nth, group).await {
            let reason = self.cx.redactor.line(&error.message);
            self.with_report(|report| {
                for service in &group.services {
                    report.failed(About { service: &service.name, git_ref: "" }, error.fault, &reason);
                }
            });
        }
    }

    async fn listed(&self, nth: usize, group: &Group<'_>) -> Result<(), StepError> {
        let credentials = self.engine.git_credentials(self.cx, group.repo, group.secret).await?;
        let (listed, _slot, budget) = self.list(group, &credentials).await?;
        let commits = Commits::of(group.repo, &credentials, budget);
        let (commits, listed, turns) = (&commits, &listed, &Semaphore::new(SERVICES));
        let each = group.services.iter().map(|&service| async move {
            // Neither is ever closed. What a service keeps of the heads is at most all of them.
            let _turn = turns.acquire().await;
            let _room = self.room.acquire_many(listed.weight()).await;
            match listed.chosen(service) {
                Ok(heads) => Box::pin(self.service(Polled { service, group: nth, commits }, heads)).await,
                Err(error) => self.failed(About { service: &service.name, git_ref: "" }, &error),
            }
        });
        let mut services: FuturesUnordered<_> = each.collect();
        while services.next().await.is_some() {}
        Ok(())
    }

    /// The heads of the services of `group`, the slot that they are kept in, and the time for the group, which begins now.
    async fn list<'g>(
        &self,
        group: &Group<'g>,
        credentials: &Credentials,
    ) -> Result<(Listed<'g>, Option<SemaphorePermit<'_>>, Budget), StepError> {
        let host = group.repo.host_port();
        let list = async {
            let slot = self.slots.acquire().await.ok();
            let (matching, budget) = (Matching::of(group), Budget::begin(group.repo));
            let is_heard = AtomicBool::new(false);
            let wanted = |name: &str| {
                is_heard.store(true, Ordering::Relaxed);
                matching.any(name)
            };
            let listed = self.git.heads(group.repo, credentials, &wanted, HEADS).await;
            let listed = listed.map(|heads| (Listed { repo: group.repo, matching, heads }, slot, budget));
            match &listed {
                // A list that is only too long for the time says nothing about the server's other repositories.
                Err(error) if error.is_unavailable() && !is_heard.load(Ordering::Relaxed) => {
                    Asked::Away(listed)
                }
                _ => Asked::Answer(listed),
            }
        };
        match self.list_servers.ask(&host, list).await {
            Ok(listed) => Ok(listed?),
            Err(GivenUp) => Err(given_up("Git server", &host)),
        }
    }
}

/// The heads of a repository that any of its services builds.
struct Listed<'a> {
    repo: &'a RepoUrl,
    matching: Matching<'a>,
    heads: Heads,
}

impl Listed<'_> {
    /// How much room each service takes.
    fn weight(&self) -> u32 {
        u32::try_from(self.heads.found.len().clamp(1, HEADS)).unwrap_or(1)
    }

    /// The heads that `service` builds.
    fn chosen(&self, service: &PolledService) -> Result<Vec<Head>, StepError> {
        let refs = &service.rule.refs;
        let builds = |head: &&Head| self.matching.one(refs, &head.name);
        let chosen = self.heads.found.iter().filter(builds).cloned().collect();
        if self.matching.is_over() {
            return Err(StepError::user(format!(
                "the names of the branches and tags of `{}` were compared with the patterns of its services for more than {} s; write \
                 simpler patterns in `branches` and `tags`",
                self.repo,
                MATCHING.as_secs()
            )));
        }
        // A server lists the branches first, so a list that ends among the tags has all branches.
        let ends_in_tags = self.heads.found.last().is_some_and(|last| last.name.starts_with("refs/tags/"));
        match self.heads.left_out {
            0 => Ok(chosen),
            _ if ends_in_tags && !refs.names_tags() => Ok(chosen),
            more => Err(StepError::user(format!(
                "`{}` has {} branches and tags that its services match, and at most {HEADS} are looked at; write patterns in \
                 `branches` and `tags` that match fewer",
                self.repo,
                HEADS + more
            ))),
        }
    }
}
