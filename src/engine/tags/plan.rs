//! Decides which tags stay, and what is deleted with the others. Without requests.

mod named;
mod reach;
mod rules;
mod subjects;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::images::Manifests;
use super::in_use::UsedImages;
use crate::step::Tags;
use crate::step::tags::{Retention, is_for_digest, is_hidden};
pub(super) use named::Named;
pub(super) use reach::needed;
use reach::{parents_first, reach};
use rules::Rules;
use subjects::Subjects;
pub(super) use subjects::subject;

/// How often the search for what stays is repeated. After that, nothing goes that is about an image.
const ROUNDS: usize = 8;

/// What is known of the age of a tag's image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Since this time.
    Since(Timestamp),
    /// The image's time may have been given to its build, and says nothing about its age.
    Given,
    /// It says no time.
    Unknown,
}

/// What a plan is made from.
pub(super) struct Repository<'a> {
    /// All tags.
    pub(super) tags: &'a [String],
    /// Those that the step's filter chooses, in its order.
    pub(super) chosen: &'a [String],
    /// What each tag names, and the indexes below.
    pub(super) manifests: &'a Manifests,
    /// The images in use.
    pub(super) used: &'a UsedImages,
    /// The age of each chosen tag.
    pub(super) ages: &'a BTreeMap<String, Age>,
    pub(super) now: Timestamp,
}

/// An image that is deleted, with all its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doomed {
    pub(super) digest: String,
    pub(super) tags: Vec<String>,
    /// The manifests below it that nothing else needs. What several images have below them is with the last of them.
    pub(super) below: Vec<String>,
}

/// What is deleted, and why the rest stays.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The images that are deleted: those of chosen tags, the oldest first, then what is about them. Each is before those that
    /// it names: it would be broken without them, if the step ended in between.
    pub(super) images: Vec<Doomed>,
    /// Tags that are deleted while their image stays under another one, with the digest.
    pub(super) tags: Vec<(String, String)>,
    /// Why each other tag stays.
    pub(super) kept: BTreeMap<String, String>,
    /// Every manifest that must stay.
    pub(super) needed: HashSet<String>,
}

impl Plan {
    /// Decides about every tag of the repository.
    pub(super) fn new(repository: &Repository<'_>, step: &Tags, retention: &Retention) -> Self {
        let Repository { tags, chosen, manifests, .. } = repository;
        let rules = Rules::new(repository, step, retention);
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        let (mut doomed, mut about): (Vec<&str>, Vec<&str>) = Default::default();
        let is_chosen: BTreeSet<_> = chosen.iter().collect();
        for tag in tags.iter().filter(|tag| manifests.get(tag).is_some()) {
            match is_for_digest(tag) {
                true => match rules.names(tag) {
                    Some(why) => drop(kept.insert(tag.clone(), why)),
                    None => about.push(tag),
                },
                false if is_chosen.contains(tag) => {}
                false => drop(kept.insert(tag.clone(), unchosen(tag))),
            }
        }
        // The oldest first.
        for tag in chosen.iter().rev().filter(|tag| manifests.get(tag).is_some() && !is_for_digest(tag)) {
            match rules.keeps(tag) {
                Some(why) => drop(kept.insert(tag.clone(), why)),
                None => doomed.push(tag),
            }
        }
        Self::settled(repository, kept, &doomed, &about)
    }

    /// Finds what the kept tags need. What is about a doomed image, such as a signature, goes with it, unless something
    /// that stays needs it. Whatever is about an image that stays, stays, and so does all that it names. So the search is
    /// repeated until nothing changes.
    fn settled(
        repository: &Repository<'_>,
        mut kept: BTreeMap<String, String>,
        doomed: &[&str],
        about: &[&str],
    ) -> Self {
        let manifests = repository.manifests;
        let digest = |tag: &str| manifests.get(tag).map_or("", |manifest| manifest.digest.as_str());
        let used: Vec<String> = repository.used.digests().collect();
        // Cosign's signatures name what they are about in their tags only.
        let of_kept: Vec<String> = kept.keys().filter_map(|tag| subject(tag)).collect();
        let subjects = Subjects::of(about);
        let mut going: HashSet<&str> = about.iter().copied().collect();
        let mut rounds = 0;
        let (needed, ordered) = loop {
            let staying = about.iter().filter(|tag| !going.contains(*tag)).map(|tag| digest(tag));
            let roots = kept.keys().map(|tag| digest(tag)).chain(staying);
            let roots = roots.chain(used.iter().chain(&of_kept).map(String::as_str));
            let needed = needed(manifests, roots);
            let ordered = subjects.going_with(manifests, doomed, &going, &needed);
            let next: HashSet<&str> = ordered.iter().copied().collect();
            if next == going {
                break (needed, ordered);
            }
            rounds += 1;
            going = if rounds < ROUNDS { next } else { HashSet::new() };
        };
        for tag in about.iter().filter(|tag| !going.contains(*tag)) {
            kept.insert((*tag).to_owned(), "is about an image that stays, or that is not here".to_owned());
        }
        let mut plan = Self { kept, ..Self::default() };
        plan.delete(manifests, &needed, [doomed, &ordered]);
        plan.needed = needed.into_iter().map(str::to_owned).collect();
        plan
    }

    /// Adds the images of `doomed` tags, and then those of the tags that are about them, each after what it is about.
    fn delete(&mut self, manifests: &Manifests, needed: &HashSet<&str>, tags: [&[&str]; 2]) {
        let stays: HashSet<&str> =
            self.kept.keys().filter_map(|tag| Some(manifests.get(tag)?.digest.as_str())).collect();
        let mut groups: [Vec<&str>; 2] = Default::default();
        let (mut all, mut left): (HashMap<&str, Vec<String>>, Vec<_>) = Default::default();
        for (tags, group) in tags.into_iter().zip(&mut groups) {
            for &tag in tags {
                let Some(digest) = manifests.get(tag).map(|manifest| manifest.digest.as_str()) else {
                    continue;
                };
                if needed.contains(digest) {
                    left.push((tag, digest));
                    continue;
                }
                let same = all.entry(digest).or_default();
                if same.is_empty() {
                    group.push(digest);
                }
                same.push(tag.to_owned());
            }
        }
        for (tag, digest) in left {
            match stays.contains(digest) {
                true => self.tags.push((tag.to_owned(), digest.to_owned())),
                false => {
                    drop(self.kept.insert(tag.to_owned(), "something that stays needs its image".to_owned()))
                }
            }
        }
        let mut taken: HashSet<&str> = all.keys().copied().collect();
        for (n, group) in groups.into_iter().enumerate() {
            let ordered = if n == 0 { parents_first(manifests, &group, needed) } else { group };
            let mut images = Vec::new();
            // The last one first: it takes what it shares with others.
            for digest in ordered.into_iter().rev() {
                let mut below = reach(manifests, digest, needed, &mut taken);
                below.retain(|below| *below != digest);
                let below = below.into_iter().map(str::to_owned).collect();
                let tags = all.remove(digest).unwrap_or_default();
                images.push(Doomed { digest: digest.to_owned(), tags, below });
            }
            self.images.extend(images.into_iter().rev());
        }
    }

    /// Whether a tag of the repository stays, other than those that tools write for themselves.
    pub(super) fn leaves_a_tag(&self) -> bool {
        self.kept.keys().any(|tag| !is_hidden(tag))
    }

    /// Every tag that is deleted.
    pub(super) fn doomed_tags(&self) -> impl Iterator<Item = &String> {
        self.images.iter().flat_map(|image| &image.tags).chain(self.tags.iter().map(|(tag, _)| tag))
    }
}

fn unchosen(tag: &str) -> String {
    match is_hidden(tag) {
        true => "is a log of a failed build; `filter: {hidden: true}` chooses these too".to_owned(),
        false => "is not chosen by `filter`".to_owned(),
    }
}

#[cfg(test)]
mod tests;
