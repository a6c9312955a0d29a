//! Several buildkitds that act as one.
//!
//! A [`Pool`] chooses the member for each build: always the same one for a service, so that the service finds its warm cache there. The
//! choice is a function of the members and the service ([`PoolKey`]), and asks nobody: two processes choose alike, and a member that comes
//! or goes moves only its own services. A member that has as many builds as it may have lets a build pass to its next choice; if all are
//! full, the build waits, and namespaces take turns.
//!
//! Tasks in the background ask each member whether it is there and for which platforms it builds, and resolve the names that stand for
//! several. They begin at the first use. A pool of one address has no such tasks: it is only that daemon.

mod builds;
mod choice;
mod key;
mod lookout;
mod platforms;
mod roster;
mod seed;
#[cfg(test)]
mod simulation;
mod slot;
mod waiters;

pub use key::{PoolKey, Service};
pub use roster::{Member, Wanted};
pub use seed::{BadSeed, Seed};
pub use slot::Slot;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Notify, OnceCell, watch};
use tokio_util::sync::CancellationToken;

use crate::buildkit::{BuildError, BuildErrorKind, Buildkit, EarlyConnection, Tls};
use choice::MemberState;
use lookout::Named;
use roster::{Entered, MemberId, NewMember, Roster};
use slot::Waiting;

/// The most builds of one process on a daemon of a pool, unless the settings say otherwise.
pub const MAX_BUILDS: usize = 8;

/// How long the first build waits until every member has told what it is. One that needs longer is treated as down until it answers.
const FIRST_ANSWERS: Duration = Duration::from_secs(2);

/// One or several daemons; cheap to clone.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

/// The state of a pool, shared by its builds and its tasks.
struct Inner {
    roster: Mutex<Roster>,
    /// The number of changes of the roster.
    changed: watch::Sender<u64>,
    /// The names that stand for several daemons.
    names: Vec<Named>,
    /// Wakes the task that asks a member.
    askers: Mutex<HashMap<MemberId, Arc<Notify>>>,
    /// Whether there is only one address.
    is_single: bool,
    /// The host of the first address or name.
    host: Option<String>,
    begun: Once,
    settled: OnceCell<()>,
    /// Ends the tasks.
    closed: CancellationToken,
}

impl Pool {
    /// The pool of one daemon, without limit.
    pub fn one(daemon: Buildkit) -> Self {
        let mut roster = Roster::new(usize::MAX);
        let host = daemon.host().map(str::to_owned);
        roster.add(of_address(daemon, MemberState::Up));
        Self::of(roster, Vec::new(), true, host)
    }

    /// The pool of `seeds`, each with the certificates for its daemons. A member has at most `limit` builds, unless there is only
    /// one address. This does not connect yet.
    pub fn new(seeds: Vec<(Seed, Option<Tls>)>, limit: usize) -> Self {
        if let [(Seed::Daemon(address), tls)] = &seeds[..] {
            return Self::one(Buildkit::new(address.clone(), tls.clone()));
        }
        let host = seeds.first().and_then(|(seed, _)| seed.host()).map(str::to_owned);
        let (mut roster, mut names) = (Roster::new(limit), Vec::new());
        // Lists of all caches at a time need no more memory than those of one.
        let memory = Buildkit::list_memory();
        for (seed, tls) in seeds {
            match seed {
                Seed::Daemon(address) => {
                    let daemon = Buildkit::new(address, tls).with_list_memory(memory.clone());
                    roster.add(of_address(daemon, MemberState::Unknown));
                }
                Seed::Name { host, port } => names.push(Named::new(host, port, tls, memory.clone())),
            }
        }
        Self::of(roster, names, false, host)
    }

    fn of(roster: Roster, names: Vec<Named>, is_single: bool, host: Option<String>) -> Self {
        let inner = Inner {
            roster: Mutex::new(roster),
            changed: watch::Sender::new(0),
            names,
            askers: Mutex::default(),
            is_single,
            host,
            begun: Once::new(),
            settled: OnceCell::new(),
            closed: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether the pool has only one address.
    pub fn is_single(&self) -> bool {
        self.inner.is_single
    }

    /// The host of the first address or name; `None` for a socket.
    pub fn host(&self) -> Option<&str> {
        self.inner.host.as_deref()
    }

    /// Gives a build a place. While all places are taken, `tell` gets a line whenever the position changes. The error is
    /// [`BuildErrorKind::Unreachable`] if no name resolves.
    pub async fn enter(&self, wanted: &Wanted, tell: impl FnMut(String)) -> Result<Slot, BuildError> {
        self.settle().await;
        let entered = self.inner.roster().enter(wanted);
        match entered {
            Entered::Placed(member) => Ok(Slot::new(&self.inner, member, wanted.key.namespace())),
            Entered::Waits(ticket) => Ok(Waiting::new(&self.inner, ticket).slot(tell).await),
            Entered::Nobody => Err(self.empty()),
        }
    }

    /// The place of a build that runs on `member` already, or ran there.
    pub fn resume(&self, wanted: &Wanted, member: &Member) -> Slot {
        self.inner.roster().resume(member, wanted.key.namespace());
        Slot::new(&self.inner, member.clone(), wanted.key.namespace())
    }

    /// Gives a build a place at `member`, once one is free there. Builds that wait for any member go first.
    pub async fn enter_at(&self, wanted: &Wanted, member: &Member) -> Slot {
        let mut changes = self.inner.changes();
        loop {
            let entered = self.inner.roster().enter_at(member, wanted.key.namespace());
            if entered {
                return Slot::new(&self.inner, member.clone(), wanted.key.namespace());
            }
            // The pool has the sender, so this is no error.
            let _ = changes.changed().await;
        }
    }

    /// The member for a request that needs no place: the first choice of a build. The error is as for [`Self::enter`].
    pub async fn first(&self, wanted: &Wanted) -> Result<Member, BuildError> {
        self.settle().await;
        let first = self.inner.roster().first(wanted);
        first.ok_or_else(|| self.empty())
    }

    /// Opens a connection to the first choice for a build that does not need it yet, see [`Buildkit::connect_early`].
    pub async fn connect_early(&self, wanted: &Wanted) -> Option<(Member, EarlyConnection)> {
        let member = self.first(wanted).await.ok()?;
        let connection = member.daemon.connect_early().await;
        if connection.is_none() {
            // It may be away.
            self.inner.wake(member.id);
        }
        Some((member, connection?))
    }

    /// The members that may know a build, in the order of choice. Those that are away are left out, unless all are. The error is as for
    /// [`Self::enter`].
    pub async fn in_order(&self, wanted: &Wanted) -> Result<Vec<Member>, BuildError> {
        self.settle().await;
        let members = self.inner.roster().in_order(&wanted.key);
        if members.is_empty() { Err(self.empty()) } else { Ok(members) }
    }

    /// All members, also those that are away, by name. The error is as for [`Self::enter`].
    pub async fn members(&self) -> Result<Vec<Member>, BuildError> {
        self.settle().await;
        let members = self.inner.roster().members();
        let members: Vec<_> = members.into_iter().map(|(member, _)| member).collect();
        if members.is_empty() { Err(self.empty()) } else { Ok(members) }
    }

    /// Asks all members at once. Returns the answers by the names of the members. The error is as for [`Self::enter`].
    pub async fn ask_all<T, F: Future<Output = T>>(
        &self,
        ask: impl Fn(Buildkit) -> F,
    ) -> Result<Vec<(Member, T)>, BuildError> {
        let asked = self.members().await?.into_iter().map(|member| {
            let answer = ask(member.daemon.clone());
            async move { (member, answer.await) }
        });
        Ok(join_all(asked).await)
    }

    /// Whether no other member can build for more of `platforms` than `member`, as far as that is known.
    pub fn covers_most(&self, member: &Member, platforms: &[String]) -> bool {
        self.inner.roster().covers_most(member, platforms)
    }

    /// Notes that `member` did not answer a call, if `error` says that. One that cannot be reached gets no more builds until it answers
    /// the pool's own question, which is asked at once. One that lost a build is only asked: a Dockerfile may provoke such an error, and
    /// must not move the builds of others. The same holds for wrong
    /// certificates of ours. For the only address, nothing is noted.
    pub fn suspect(&self, member: &Member, error: &BuildError) {
        let is_about_it = matches!(error.kind, BuildErrorKind::Unreachable | BuildErrorKind::Lost);
        if self.inner.is_single || !is_about_it {
            return;
        }
        if error.kind == BuildErrorKind::Unreachable && error.is_away() {
            self.inner.failed(member.id, MemberState::Down, error);
        }
        self.inner.wake(member.id);
    }

    /// Waits, once, until every member has answered, but not for long. Then each choice is made with what is known.
    async fn settle(&self) {
        if !self.inner.is_single {
            self.inner.settled.get_or_init(|| self.first_answers()).await;
        }
    }

    async fn first_answers(&self) {
        self.inner.begun.call_once(|| self.inner.begin());
        let answered = async {
            let mut changes = self.inner.changes();
            while !self.inner.is_settled() && changes.changed().await.is_ok() {}
        };
        // Those that have not answered yet are left out until they do.
        let _ = tokio::time::timeout(FIRST_ANSWERS, answered).await;
    }

    /// The error of a pool without members.
    fn empty(&self) -> BuildError {
        // Only names may stand for no daemon.
        let (name, why) = self.inner.names.first().map(Named::absence).unwrap_or_default();
        BuildError::no_daemon(name, &why)
    }
}

/// A member at a fixed address, which is also its identity.
fn of_address(daemon: Buildkit, state: MemberState) -> NewMember {
    let address = daemon.place();
    let is_label = |host: &&str| host.starts_with(|c: char| c.is_ascii_alphabetic());
    let label = daemon.host().filter(is_label).and_then(|host| host.split('.').next());
    let name = label.map_or_else(|| address.clone(), str::to_owned);
    NewMember { daemon, name, identity: Some(address), state }
}

impl Inner {
    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the roster, and lets those that wait look again.
    fn change<T>(&self, change: impl FnOnce(&mut Roster) -> T) -> T {
        let changed = change(&mut self.roster());
        // The roster is free again: whoever is woken locks it.
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        changed
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn is_settled(&self) -> bool {
        self.names.iter().all(Named::was_asked) && self.roster().is_settled()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}
