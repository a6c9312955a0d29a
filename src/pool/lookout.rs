//! The tasks of a pool: they ask each member whether it is there, and resolve the names that stand for several.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Inner;
use super::choice::MemberState;
use super::roster::{Member, MemberId, NewMember};
use crate::buildkit::{Address, BuildError, Buildkit, Connection, Description, Tls};
use crate::limits::Budget;
use crate::time_limits::{calls, pauses, within};

/// How often a member that answers is asked again.
const CHECK: Duration = Duration::from_secs(30);
/// The shortest and the longest pause between the questions to a member that does not answer, before jitter.
const AWAY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];
/// How often a name is resolved.
const RESOLVE: Duration = Duration::from_secs(10);

/// A name that stands for several daemons.
pub(super) struct Named {
    host: String,
    port: u16,
    tls: Option<Tls>,
    /// The memory for lists of what is in the caches.
    memory: Budget,
    state: Mutex<Resolved>,
}

/// What a name stands for.
#[derive(Debug, Default)]
struct Resolved {
    /// Whether it was resolved, or could not be.
    asked: bool,
    /// Why it could not be resolved the last time.
    failure: Option<String>,
    /// The members by their addresses, also those that drain.
    members: BTreeMap<SocketAddr, MemberId>,
}

impl Named {
    pub(super) fn new(host: String, port: u16, tls: Option<Tls>, memory: Budget) -> Self {
        // The daemons' certificate is for the name. The addresses of pods change.
        let tls = tls.map(|Tls { certificates, server_name }| {
            let server_name = Some(server_name.unwrap_or_else(|| host.clone()));
            Tls { certificates, server_name }
        });
        Self { host, port, tls, memory, state: Mutex::default() }
    }

    /// Whether it was resolved, or could not be.
    pub(super) fn was_asked(&self) -> bool {
        self.state().asked
    }

    /// The name, and why it has no members.
    pub(super) fn absence(&self) -> (String, String) {
        let Resolved { asked, failure, .. } = &*self.state();
        let other =
            if *asked { "none of its daemons takes builds" } else { "its addresses are not known yet" };
        let why = failure.clone().unwrap_or_else(|| other.to_owned());
        (format!("dns:{}:{}", self.host, self.port), why)
    }

    fn state(&self) -> MutexGuard<'_, Resolved> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn member(&self, address: SocketAddr) -> NewMember {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let daemon = Buildkit::new(Address::Tcp { host, port: address.port() }, self.tls.clone())
            .with_list_memory(self.memory.clone());
        let (name, state) = (daemon.place(), MemberState::Unknown);
        NewMember { daemon, name, identity: None, state }
    }
}

impl Inner {
    /// Starts the tasks.
    pub(super) fn begin(self: &Arc<Self>) {
        let members = self.roster().members();
        members.into_iter().for_each(|(member, _)| self.look_after(member));
        for nth in 0..self.names.len() {
            let (task, closed) = (follow(Arc::downgrade(self), nth), self.closed.clone());
            tokio::spawn(async move { closed.run_until_cancelled_owned(task).await });
        }
    }

    /// Asks a member at once.
    pub(super) fn wake(&self, id: MemberId) {
        if let Some(asker) = self.askers().get(&id) {
            asker.notify_one();
        }
    }

    /// Notes that a member does not answer. Returns whether it is still a member.
    pub(super) fn failed(&self, id: MemberId, state: MemberState, error: &BuildError) -> bool {
        let Some((member, before)) = self.change(|roster| roster.failed(id, state)) else { return false };
        if matches!(before, MemberState::Unknown | MemberState::Up) {
            warn!(member = %member.name, "{} is left out until it answers: {error}", member.name);
        }
        true
    }

    /// Notes what a member has told. Returns whether it is still a member.
    fn answered(&self, id: MemberId, told: &Description) -> bool {
        let Some((member, before)) = self.change(|roster| roster.answered(id, told)) else { return false };
        if !matches!(before, MemberState::Up | MemberState::Draining) {
            let platforms = told.workers.concat().join(" ");
            info!(member = %member.name, version = %told.version, "{} builds for {platforms}", member.name);
        }
        true
    }

    /// Notes what the name `nth` stands for. A name that cannot be resolved changes nothing: its daemons may well be there.
    fn resolved(self: &Arc<Self>, nth: usize, found: Result<BTreeSet<SocketAddr>, String>) {
        let named = &self.names[nth];
        let mut state = named.state();
        state.asked = true;
        let (added, restored) = match found {
            Ok(addresses) => {
                state.failure = None;
                self.renew(named, &mut state, &addresses)
            }
            Err(why) => {
                if state.failure.as_ref() != Some(&why) {
                    warn!("dns:{}:{} cannot be resolved: {why}", named.host, named.port);
                }
                state.failure = Some(why);
                (Vec::new(), Vec::new())
            }
        };
        drop(state);
        self.change(|_| ());
        added.into_iter().for_each(|member| self.look_after(member));
        restored.into_iter().for_each(|id| self.wake(id));
    }

    /// Adds the daemons at new addresses, and lets those at other addresses finish their builds. Returns the new members, and those that
    /// no longer drain.
    fn renew(
        &self,
        named: &Named,
        state: &mut Resolved,
        addresses: &BTreeSet<SocketAddr>,
    ) -> (Vec<Member>, Vec<MemberId>) {
        let (mut added, mut restored) = (Vec::new(), Vec::new());
        let mut roster = self.roster();
        for address in addresses {
            let known = state.members.get(address).copied();
            match known.and_then(|id| Some((id, roster.restore(id)?))) {
                Some((id, true)) => restored.push(id),
                Some((_, false)) => {}
                None => {
                    let member = roster.add(named.member(*address));
                    state.members.insert(*address, member.id);
                    added.push(member);
                }
            }
        }
        let gone = state.members.iter().filter(|(address, _)| !addresses.contains(*address));
        let gone: Vec<_> = gone.map(|(_, id)| *id).collect();
        roster.drain(&gone);
        state.members.retain(|_, id| roster.has(*id));
        (added, restored)
    }

    /// Starts the task that asks a member.
    fn look_after(self: &Arc<Self>, member: Member) {
        let woken = Arc::new(Notify::new());
        self.askers().insert(member.id, woken.clone());
        let (task, closed) = (ask(Arc::downgrade(self), member, woken), self.closed.clone());
        tokio::spawn(async move { closed.run_until_cancelled_owned(task).await });
    }

    fn askers(&self) -> MutexGuard<'_, HashMap<MemberId, Arc<Notify>>> {
        self.askers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the answer of a member. Returns whether it is still a member.
    fn note(&self, id: MemberId, answer: Result<Description, (MemberState, BuildError)>) -> bool {
        let is_member = match answer {
            Ok(told) => self.answered(id, &told),
            Err((state, error)) => self.failed(id, state, &error),
        };
        if !is_member {
            self.askers().remove(&id);
        }
        is_member
    }
}

/// Asks a member again and again, until it is no longer a member.
async fn ask(pool: Weak<Inner>, member: Member, woken: Arc<Notify>) {
    let [shortest, longest] = AWAY;
    let mut waits = pauses::endless(shortest, longest);
    let mut open = None;
    loop {
        let answer = describe(&member.daemon, &mut open).await;
        let is_up = answer.is_ok();
        if !pool.upgrade().is_some_and(|pool| pool.note(member.id, answer)) {
            return;
        }
        if is_up {
            waits = pauses::endless(shortest, longest);
            // A build that gets no answer from it ends the pause.
            let _ = timeout(CHECK, woken.notified()).await;
        } else {
            // A build that would be sent there ends the pause too, but not at once: that build has just asked.
            sleep(shortest).await;
            let _ = timeout(waits.next().unwrap_or(longest), woken.notified()).await;
        }
    }
}

/// Asks a daemon what it is, over `open` or a new connection, which stays open: each new one would read the certificates again. The error
/// says whether the daemon can be reached at all.
async fn describe(
    daemon: &Buildkit,
    open: &mut Option<Connection>,
) -> Result<Description, (MemberState, BuildError)> {
    if let Some(connection) = open.as_ref()
        && let Ok(told) = daemon.describe_over(connection).await
    {
        return Ok(told);
    }
    *open = None;
    let connection = daemon.connect().await.map_err(|error| (MemberState::Down, error))?;
    let told = daemon.describe_over(&connection).await.map_err(|error| (MemberState::Silent, error))?;
    *open = Some(connection);
    Ok(told)
}

/// Resolves the name `nth` again and again.
async fn follow(pool: Weak<Inner>, nth: usize) {
    loop {
        let named = pool.upgrade().map(|pool| (pool.names[nth].host.clone(), pool.names[nth].port));
        let Some((host, port)) = named else { return };
        let found = resolve(&host, port).await;
        match pool.upgrade() {
            Some(pool) => pool.resolved(nth, found),
            None => return,
        }
        sleep(RESOLVE).await;
    }
}

/// The addresses of `host`.
async fn resolve(host: &str, port: u16) -> Result<BTreeSet<SocketAddr>, String> {
    let asked = tokio::net::lookup_host((host, port));
    let found = within(calls::BUILDKIT_CONNECT.whole(), "DNS", asked).await;
    let found = found.map_err(|late| format!("the name does not resolve: {late}"))?;
    let found = found.map_err(|error| format!("the name does not resolve: {error}"))?;
    let mut found: BTreeSet<SocketAddr> = found.collect();
    // A pod with addresses of both kinds is one daemon.
    if found.iter().any(SocketAddr::is_ipv4) {
        found.retain(SocketAddr::is_ipv4);
    }
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}

#[cfg(test)]
mod tests;
