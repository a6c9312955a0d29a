//! The choice of a member for a build, as functions: two processes with the same members choose alike.

use std::cmp::Reverse;

use super::key::PoolKey;

/// Whether a member can build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It has not been asked yet.
    Unknown,
    /// It answers.
    Up,
    /// It cannot be reached.
    Down,
    /// It can be reached, but does not answer.
    Silent,
    /// Its name no longer stands for it. It finishes its builds and gets no more.
    Draining,
}

/// What the choice needs to know of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    /// What its weight is computed from; `None` until the daemon has told it.
    pub(super) identity: Option<&'a str>,
    pub(super) state: MemberState,
    /// Whether it may have one more build of the namespace.
    pub(super) is_free: bool,
    /// How many of the platforms of the build it can build for.
    pub(super) covers: usize,
}

/// The choice for a build, as a position in the list of candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// This one.
    At(usize),
    /// All that could build it have as many builds as they may. This one is the first choice.
    Full(usize),
    /// There is no member.
    Nobody,
}

/// The positions of `identities` by their weight for `key`, the first choice first. Those without an identity come last.
pub(super) fn order<'a>(key: &PoolKey, identities: impl Iterator<Item = Option<&'a str>>) -> Vec<usize> {
    let weighed =
        identities.map(|identity| identity.map(|identity| (key.weight(identity), Reverse(identity))));
    let mut weighed: Vec<_> = weighed.enumerate().collect();
    weighed.sort_by_key(|(_, weight)| Reverse(*weight));
    weighed.into_iter().map(|(position, _)| position).collect()
}

/// Chooses a member for a build with `key`.
///
/// Of the members that cover the most of its platforms, the first choice is the one with the highest weight that is up, then the next
/// one with a free place. If none of them is up, there is only the one with the highest weight. Its limit holds all the same: it may be
/// away for a moment only, and must not get all waiting builds in that moment.
pub(super) fn choose(key: &PoolKey, candidates: &[Candidate<'_>]) -> Choice {
    among(order(key, candidates.iter().map(|candidate| candidate.identity)), candidates)
}

/// Does the same if the [`order`] of the candidates is known already.
pub(super) fn among(mut able: Vec<usize>, candidates: &[Candidate<'_>]) -> Choice {
    let lasting = candidates.iter().filter(|candidate| candidate.state != MemberState::Draining);
    let most = lasting.map(|candidate| candidate.covers).max().unwrap_or_default();
    able.retain(|&position| {
        let Candidate { state, covers, .. } = candidates[position];
        state != MemberState::Draining && covers == most
    });
    let is_up = |position: &&usize| candidates[**position].state == MemberState::Up;
    let up: Vec<usize> = able.iter().filter(is_up).copied().collect();
    let there = if up.is_empty() { able.get(..1).unwrap_or_default() } else { &up[..] };
    let free = there.iter().find(|&&position| candidates[position].is_free);
    match (free, there.first()) {
        (Some(free), _) => Choice::At(*free),
        (None, Some(full)) => Choice::Full(*full),
        (None, None) => Choice::Nobody,
    }
}

/// How many of the platforms `wanted` are among those that a daemon lists, its native ones and those it emulates.
pub(super) fn covered(listed: &[String], wanted: &[String]) -> usize {
    let is_listed = |wanted: &str| listed.iter().any(|listed| normal(listed) == normal(wanted));
    wanted.iter().filter(|wanted| is_listed(wanted)).count()
}

/// The operating system, the architecture and the variant, without the one that an architecture has anyway (containerd
/// `platforms/database.go`).
fn normal(platform: &str) -> [&str; 3] {
    let mut parts = platform.splitn(3, '/');
    let [os, architecture, variant] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let variant = match (architecture, variant) {
        ("amd64", "v1") | ("arm64", "v8") => "",
        ("arm", "") => "v7",
        _ => variant,
    };
    [os, architecture, variant]
}

#[cfg(test)]
mod tests;
