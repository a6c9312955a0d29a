//! Which platforms the members of a pool build for, one by one and together.

use std::collections::BTreeSet;
use std::slice;

use super::{Entry, MemberState, Roster, lasting, most_covered};

/// Whether a build of several platforms is divided among members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pool) struct Division {
    /// Whether several members together build for more of the platforms than any one of them.
    pub(in crate::pool) is_divided: bool,
    /// A member that has not told its platforms, if one may be for a platform that no other lists.
    pub(in crate::pool) unknown: Option<String>,
}

impl Roster {
    /// How a build of `platforms` is divided, as far as that is known.
    pub(in crate::pool) fn division(&self, platforms: &[String]) -> Division {
        let is_listed = |platform: &&String| self.lists(slice::from_ref(*platform));
        let listed = platforms.iter().filter(is_listed).count();
        let is_divided = listed > most_covered(&self.entries, platforms);
        let unknown = lasting(&self.entries).find(|entry| is_unknown(entry));
        let unknown = unknown.filter(|_| listed < platforms.len());
        Division { is_divided, unknown: unknown.map(|entry| entry.member.name.to_string()) }
    }

    /// The first of `platforms` that no member lists, and all that they list. `None` if there is no such platform, if a member has not told
    /// its platforms yet, or if they have none.
    pub(in crate::pool) fn unlisted(&self, platforms: &[String]) -> Option<(String, Vec<String>)> {
        if lasting(&self.entries).any(is_unknown) {
            return None;
        }
        let unlisted = platforms.iter().find(|platform| !self.lists(slice::from_ref(*platform)))?;
        let all: BTreeSet<_> = lasting(&self.entries).flat_map(|entry| &entry.platforms).cloned().collect();
        (!all.is_empty()).then(|| (unlisted.clone(), all.into_iter().collect()))
    }

    fn lists(&self, platform: &[String]) -> bool {
        most_covered(&self.entries, platform) > 0
    }
}

/// Whether a member has not told its platforms. One that has none is of no use for any.
fn is_unknown(entry: &Entry) -> bool {
    entry.platforms.is_empty() && entry.state != MemberState::Up
}
