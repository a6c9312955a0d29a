//! The members of a pool, their builds, and the builds that wait. Nothing here waits or asks.

mod coverage;

use std::collections::HashMap;
use std::sync::Arc;

use super::builds::Builds;
use super::choice::{self, Candidate, Choice, MemberState};
use super::key::PoolKey;
use super::waiters::{Ticket, Waiters};
use crate::buildkit::{Buildkit, Description};

/// What a build needs of a member.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The service that is built.
    pub key: PoolKey,
    /// The platforms that are built for, such as `linux/arm64`. Empty for the daemon's own.
    pub platforms: Vec<String>,
}

/// A member's number in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MemberId(u64);

/// A daemon of a pool; cheap to clone.
#[derive(Debug, Clone)]
pub struct Member {
    pub(super) id: MemberId,
    /// Its name in messages.
    pub name: Arc<str>,
    /// Its client.
    pub daemon: Buildkit,
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// A new member.
pub(super) struct NewMember {
    pub(super) daemon: Buildkit,
    /// Its name until it has told its own.
    pub(super) name: String,
    /// Its identity, if that is its address. A pod has another address after each restart. So its identity is what its daemon says.
    pub(super) identity: Option<String>,
    pub(super) state: MemberState,
}

/// A member and what is known of it.
#[derive(Debug)]
struct Entry {
    member: Member,
    identity: Option<String>,
    /// Whether the identity is the address. Otherwise it is what the daemon says.
    is_fixed: bool,
    state: MemberState,
    platforms: Vec<String>,
    builds: Builds,
}

/// What became of a build that asked for a place.
#[derive(Debug)]
pub(super) enum Entered {
    /// It has one.
    Placed(Member),
    /// It waits.
    Waits(Ticket),
    /// There is no member.
    Nobody,
}

/// The state of a waiting build.
#[derive(Debug)]
pub(super) enum Look {
    /// It has a place now.
    Placed(Member),
    /// It waits for its first choice, with so many before it.
    Waits { first: Arc<str>, ahead: usize },
}

/// The members of a pool.
#[derive(Debug)]
pub(super) struct Roster {
    entries: Vec<Entry>,
    waiting: Waiters<Wanted>,
    /// The places of builds that do not know of them yet, by the number of their ticket.
    granted: HashMap<u64, Member>,
    /// The most builds of a member.
    limit: usize,
    /// The number of members that were added.
    added: u64,
}

impl Roster {
    /// An empty pool whose members have at most `limit` builds each.
    pub(super) fn new(limit: usize) -> Self {
        let (waiting, granted) = (Waiters::default(), HashMap::new());
        Self { entries: Vec::new(), waiting, granted, limit, added: 0 }
    }

    /// Adds a member.
    pub(super) fn add(&mut self, new: NewMember) -> Member {
        self.added += 1;
        let NewMember { daemon, name, identity, state } = new;
        let is_taken = self.entries.iter().any(|entry| *entry.member.name == name);
        let name = if is_taken { daemon.place() } else { name };
        let member = Member { id: MemberId(self.added), name: name.into(), daemon };
        let (is_fixed, platforms) = (identity.is_some(), Vec::new());
        self.entries.push(Entry {
            member: member.clone(),
            identity,
            is_fixed,
            state,
            platforms,
            builds: Builds::default(),
        });
        member
    }

    /// Gives a build a place, or lets it wait.
    pub(super) fn enter(&mut self, wanted: &Wanted) -> Entered {
        match chosen(&self.entries, self.limit, wanted) {
            Choice::At(position) => {
                self.entries[position].builds.add(wanted.key.namespace());
                Entered::Placed(self.entries[position].member.clone())
            }
            Choice::Full(_) => Entered::Waits(self.waiting.join(wanted.key.namespace(), wanted.clone())),
            Choice::Nobody => Entered::Nobody,
        }
    }

    /// Counts a build that runs on `member` already, whatever its limit.
    pub(super) fn resume(&mut self, member: &Member, namespace: &Arc<str>) {
        if let Some(entry) = self.entry(member.id) {
            entry.builds.add(namespace);
        }
    }

    /// Counts a build at `member` if there is a free place. One that is no member any more has no limit.
    pub(super) fn enter_at(&mut self, member: &Member, namespace: &Arc<str>) -> bool {
        let limit = self.limit;
        let Some(entry) = self.entry(member.id) else { return true };
        let may = entry.builds.may_add(namespace, limit);
        if may {
            entry.builds.add(namespace);
        }
        may
    }

    /// Ends a build of `namespace` on the member `id`. The place goes to a waiting build.
    pub(super) fn leave(&mut self, id: MemberId, namespace: &Arc<str>) {
        if let Some(entry) = self.entry(id) {
            entry.builds.remove(namespace);
        }
        self.remove_drained();
        self.grant();
    }

    /// What became of the waiting build of `ticket`. `None` if there is no such build.
    pub(super) fn look(&mut self, ticket: &Ticket) -> Option<Look> {
        if let Some(member) = self.granted.remove(&ticket.number) {
            return Some(Look::Placed(member));
        }
        let ahead = self.waiting.ahead_of(ticket)?;
        let wanted = self.waiting.get(ticket)?;
        let first = match chosen(&self.entries, 0, wanted) {
            Choice::At(position) | Choice::Full(position) => self.entries[position].member.name.clone(),
            Choice::Nobody => "buildkitd".into(),
        };
        Some(Look::Waits { first, ahead })
    }

    /// Ends the wait of a build that was cancelled.
    pub(super) fn cancel(&mut self, ticket: &Ticket) {
        if !self.waiting.leave(ticket)
            && let Some(member) = self.granted.remove(&ticket.number)
        {
            self.leave(member.id, &ticket.namespace);
        }
    }

    /// Notes what a member has told. Returns its state before, or `None` if it is no longer a member.
    pub(super) fn answered(&mut self, id: MemberId, told: &Description) -> Option<(Member, MemberState)> {
        let entry = self.entry(id)?;
        let before = entry.state;
        if before != MemberState::Draining {
            entry.state = MemberState::Up;
        }
        if !entry.is_fixed {
            if let Some(name) = told.hostname.as_deref().filter(|name| !name.is_empty()) {
                entry.member.name = name.into();
            }
            // A daemon without workers has no id. It is still told apart from others.
            let id = if told.id.is_empty() { entry.member.daemon.place() } else { told.id.clone() };
            entry.identity = Some(id);
        }
        entry.platforms = told.workers.iter().flatten().cloned().collect();
        let member = entry.member.clone();
        self.grant();
        Some((member, before))
    }

    /// Notes that a member does not answer. Returns its state before, or `None` if it is no longer a member.
    pub(super) fn failed(&mut self, id: MemberId, state: MemberState) -> Option<(Member, MemberState)> {
        let entry = self.entry(id)?;
        let before = entry.state;
        if before != MemberState::Draining {
            entry.state = state;
        }
        let member = entry.member.clone();
        // A build that waited for it may wait for another now.
        self.grant();
        Some((member, before))
    }

    /// Lets the members `ids` finish their builds, and gives them no more.
    pub(super) fn drain(&mut self, ids: &[MemberId]) {
        for entry in self.entries.iter_mut().filter(|entry| ids.contains(&entry.member.id)) {
            entry.state = MemberState::Draining;
        }
        self.remove_drained();
        self.grant();
    }

    /// Takes back a member if it drains, because its name stands for it again. Returns whether it drained, or `None` if it is no
    /// longer a member.
    pub(super) fn restore(&mut self, id: MemberId) -> Option<bool> {
        let entry = self.entry(id)?;
        let drained = entry.state == MemberState::Draining;
        if drained {
            entry.state = MemberState::Unknown;
        }
        Some(drained)
    }

    /// Whether it is still a member.
    pub(super) fn has(&self, id: MemberId) -> bool {
        self.entries.iter().any(|entry| entry.member.id == id)
    }

    /// Whether every member has answered, or has failed to.
    pub(super) fn is_settled(&self) -> bool {
        self.entries.iter().all(|entry| entry.state != MemberState::Unknown)
    }

    /// The member for a request that takes no place: the first choice.
    pub(super) fn first(&self, wanted: &Wanted) -> Option<Member> {
        match chosen(&self.entries, usize::MAX, wanted) {
            Choice::At(position) | Choice::Full(position) => Some(self.entries[position].member.clone()),
            Choice::Nobody => None,
        }
    }

    /// The members that may know a build, in the order of choice. Those that do not answer are left out, unless there is no other. Those that
    /// have not been asked yet are not: a busy one may have the build, and would get a second one of the same job elsewhere.
    pub(super) fn in_order(&self, key: &PoolKey) -> Vec<Member> {
        let order = choice::order(key, self.entries.iter().map(|entry| entry.identity.as_deref()));
        let answers = |state| !matches!(state, MemberState::Down | MemberState::Silent);
        let is_any = self.entries.iter().any(|entry| answers(entry.state));
        let asked = order.into_iter().map(|position| &self.entries[position]);
        asked.filter(|entry| !is_any || answers(entry.state)).map(|entry| entry.member.clone()).collect()
    }

    /// The members with their states, by name, but for those that drain.
    pub(super) fn members(&self) -> Vec<(Member, MemberState)> {
        let mut members: Vec<_> =
            lasting(&self.entries).map(|entry| (entry.member.clone(), entry.state)).collect();
        members.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        members
    }

    /// Whether the daemon of `member` can build for as many of `platforms` as any other, or has not told yet for which it can.
    pub(super) fn covers_most(&self, member: &Member, platforms: &[String]) -> bool {
        let most = most_covered(&self.entries, platforms);
        let own = self.entries.iter().find(|entry| entry.member.id == member.id);
        own.is_some_and(|entry| {
            entry.platforms.is_empty() || choice::covered(&entry.platforms, platforms) == most
        })
    }

    fn entry(&mut self, id: MemberId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.member.id == id)
    }

    /// Removes the members that drain and have no build any more.
    fn remove_drained(&mut self) {
        self.entries.retain(|entry| entry.state != MemberState::Draining || !entry.builds.is_empty());
    }

    /// Gives free places to waiting builds.
    fn grant(&mut self) {
        let limit = self.limit;
        loop {
            let entries = &self.entries;
            let granted = self.waiting.take(|wanted| match chosen(entries, limit, wanted) {
                Choice::At(position) => Some((position, wanted.key.namespace().clone())),
                Choice::Full(_) | Choice::Nobody => None,
            });
            let Some((number, (position, namespace))) = granted else { return };
            self.entries[position].builds.add(&namespace);
            self.granted.insert(number, self.entries[position].member.clone());
        }
    }
}

/// Those that do not drain.
fn lasting(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.state != MemberState::Draining)
}

/// How many of `platforms` the member that can build for the most of them has.
fn most_covered(entries: &[Entry], platforms: &[String]) -> usize {
    let covered = lasting(entries).map(|entry| choice::covered(&entry.platforms, platforms));
    covered.max().unwrap_or_default()
}

/// The choice for a build, if a member has at most `limit` builds.
fn chosen(entries: &[Entry], limit: usize, wanted: &Wanted) -> Choice {
    let all = wanted.platforms.len();
    // If no member is known to build for all platforms, one that has not told its own yet may.
    let hoped = if most_covered(entries, &wanted.platforms) < all { all } else { 0 };
    let covers = |entry: &Entry| match entry.platforms.is_empty() {
        true => hoped,
        false => choice::covered(&entry.platforms, &wanted.platforms),
    };
    let candidates: Vec<_> = entries
        .iter()
        .map(|entry| Candidate {
            identity: entry.identity.as_deref(),
            state: entry.state,
            is_free: entry.builds.may_add(wanted.key.namespace(), limit),
            covers: covers(entry),
        })
        .collect();
    choice::choose(&wanted.key, &candidates)
}

#[cfg(test)]
mod tests;
