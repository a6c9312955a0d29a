//! The rules that keep tags.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Age, Named, Repository};
use crate::duration::age_text;
use crate::step::tags::{Retention, version};
use crate::step::{TagOrder, Tags};

/// How far an image's clock may be ahead of ours. An image from farther away would count as the newest for ever.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// The rules that keep a chosen tag.
pub(super) struct Rules<'a> {
    repository: &'a Repository<'a>,
    retention: &'a Retention,
    order: TagOrder,
    named: Named<'a>,
    /// The digests of the newest images.
    newest: BTreeSet<&'a str>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(repository: &'a Repository<'a>, step: &Tags, retention: &'a Retention) -> Self {
        let named = Named::new(retention, repository.used);
        let mut rules = Self { repository, retention, order: step.order, named, newest: BTreeSet::new() };
        let ranked = repository.chosen.iter().filter(|tag| rules.unranked(tag).is_none());
        let mut newest = BTreeSet::new();
        for manifest in ranked.filter_map(|tag| repository.manifests.get(tag)) {
            if newest.len() >= retention.keep.unwrap_or(0) {
                break;
            }
            newest.insert(manifest.digest.as_str());
        }
        rules.newest = newest;
        rules
    }

    /// Why `tag` stays; `None` if no rule keeps it.
    pub(super) fn keeps(&self, tag: &str) -> Option<String> {
        let Retention { keep, older_than, .. } = self.retention;
        if let Some(why) = self.names(tag) {
            return Some(why);
        }
        if let Some(keep) = keep {
            if let Some(why) = self.unranked(tag) {
                return Some(why);
            }
            if self.newest.contains(self.digest(tag)) {
                return Some(format!("is one of the {keep} newest images"));
            }
        }
        older_than.and_then(|limit| self.too_young(tag, limit))
    }

    /// Why `tag` stays, if a rule names it.
    pub(super) fn names(&self, tag: &str) -> Option<String> {
        self.named.keeps(tag, self.digest(tag))
    }

    fn digest(&self, tag: &str) -> &str {
        self.repository.manifests.get(tag).map_or("", |manifest| manifest.digest.as_str())
    }

    /// Why `tag` has no place in the order.
    fn unranked(&self, tag: &str) -> Option<String> {
        match self.order {
            TagOrder::Semver => {
                version(tag).is_none().then(|| "is no version, so nothing says how new it is".to_owned())
            }
            _ => self.ageless(tag),
        }
    }

    fn ageless(&self, tag: &str) -> Option<String> {
        match self.age(tag) {
            Age::Since(time) if time > self.repository.now + AHEAD => {
                Some("has a time in the future, which does not tell its age".to_owned())
            }
            Age::Since(_) => None,
            Age::Given => Some(
                "has a time in whole seconds, as reproducible builds set it, so it does not tell the image's age".to_owned(),
            ),
            Age::Unknown => Some("does not tell its age".to_owned()),
        }
    }

    fn age(&self, tag: &str) -> Age {
        self.repository.ages.get(tag).copied().unwrap_or(Age::Unknown)
    }

    fn too_young(&self, tag: &str, limit: Duration) -> Option<String> {
        let (None, Age::Since(time)) = (self.ageless(tag), self.age(tag)) else { return self.ageless(tag) };
        let age = Duration::try_from(self.repository.now.duration_since(time)).unwrap_or_default();
        (age < limit).then(|| format!("is {} old", age_text(age)))
    }
}
