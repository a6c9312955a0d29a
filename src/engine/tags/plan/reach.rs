//! What manifests name, and what that names, as far as it was read.

use std::collections::HashSet;

use super::super::images::Manifests;

/// Everything that `roots` need: what an index names, and what a signature is about.
pub(in crate::engine::tags) fn needed<'a>(
    manifests: &'a Manifests,
    roots: impl Iterator<Item = &'a str>,
) -> HashSet<&'a str> {
    let (mut needed, mut open) = (HashSet::new(), roots.collect::<Vec<_>>());
    while let Some(digest) = open.pop() {
        if !needed.insert(digest) {
            continue;
        }
        if let Some(manifest) = manifests.by_digest(digest) {
            open.extend(manifest.children.iter().map(|child| child.digest.as_str()));
            open.extend(manifest.others.iter().chain(&manifest.subject).map(String::as_str));
        }
    }
    needed
}

/// `digest` and the manifests below it that are neither needed nor in `seen`, which receives them. An image in `seen` is passed
/// over, unless it is `digest`.
pub(super) fn reach<'a>(
    manifests: &'a Manifests,
    digest: &'a str,
    needed: &HashSet<&str>,
    seen: &mut HashSet<&'a str>,
) -> Vec<&'a str> {
    if needed.contains(digest) {
        return Vec::new();
    }
    seen.insert(digest);
    let (mut found, mut next) = (vec![digest], 0);
    while let Some(digest) = found.get(next).copied() {
        next += 1;
        for child in manifests.by_digest(digest).into_iter().flat_map(|manifest| &manifest.children) {
            let child = child.digest.as_str();
            if !needed.contains(child) && seen.insert(child) {
                found.push(child);
            }
        }
    }
    found
}

/// `images`, each before those of them that are below it; else in their order.
pub(super) fn parents_first<'a>(
    manifests: &'a Manifests,
    images: &[&'a str],
    needed: &HashSet<&str>,
) -> Vec<&'a str> {
    let (mut seen, mut children_first) = (HashSet::new(), Vec::new());
    for image in images.iter().rev() {
        let mut open = vec![(*image, false)];
        while let Some((digest, is_walked)) = open.pop() {
            if is_walked {
                children_first.push(digest);
            } else if !needed.contains(digest) && seen.insert(digest) {
                open.push((digest, true));
                let children =
                    manifests.by_digest(digest).into_iter().flat_map(|manifest| &manifest.children);
                open.extend(children.map(|child| (child.digest.as_str(), false)));
            }
        }
    }
    let images: HashSet<&str> = images.iter().copied().collect();
    children_first.into_iter().rev().filter(|digest| images.contains(digest)).collect()
}
