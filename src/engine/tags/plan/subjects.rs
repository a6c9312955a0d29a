//! The tags that are about images, such as those of signatures.

use std::collections::{HashMap, HashSet};

use super::super::images::Manifests;
use super::reach::reach;
use crate::step::tags::is_for_digest;

/// The tags that are about each image.
pub(super) struct Subjects<'a> {
    by_digest: HashMap<String, Vec<&'a str>>,
}

impl<'a> Subjects<'a> {
    pub(super) fn of(about: &[&'a str]) -> Self {
        let mut by_digest: HashMap<String, Vec<&str>> = HashMap::new();
        for &tag in about {
            if let Some(digest) = subject(tag) {
                by_digest.entry(digest).or_default().push(tag);
            }
        }
        Self { by_digest }
    }

    /// Those of `going` that are about something that goes with the `doomed` tags, each after what it is about.
    pub(super) fn going_with<'m>(
        &self,
        manifests: &'m Manifests,
        doomed: &[&str],
        going: &HashSet<&str>,
        needed: &HashSet<&str>,
    ) -> Vec<&'a str> {
        let (mut gone, mut with, mut ordered) = (HashSet::new(), HashSet::new(), Vec::new());
        let mut more = |tag: &str, open: &mut Vec<&'m str>| {
            if let Some(manifest) = manifests.get(tag) {
                open.extend(reach(manifests, &manifest.digest, needed, &mut gone));
            }
        };
        let mut open = Vec::new();
        doomed.iter().for_each(|tag| more(tag, &mut open));
        while let Some(digest) = open.pop() {
            for &tag in self.by_digest.get(digest).into_iter().flatten() {
                if going.contains(tag) && with.insert(tag) {
                    ordered.push(tag);
                    more(tag, &mut open);
                }
            }
        }
        ordered
    }
}

/// The digest that `tag` is about, such as `sha256:…` for `sha256-….sig`. A tag has only half of the digits of a `sha512`, so nobody
/// knows what that is about.
pub(in crate::engine::tags) fn subject(tag: &str) -> Option<String> {
    let digits = tag.strip_prefix("sha256-").filter(|_| is_for_digest(tag))?.split('.').next()?;
    let is_whole = digits.len() == 64 && !digits.bytes().any(|b| b.is_ascii_uppercase());
    is_whole.then(|| format!("sha256:{digits}"))
}
