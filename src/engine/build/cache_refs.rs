//! The caches of a build that follow from what Git calls its commit.
//!
//! Whoever writes a cache decides what later builds get for equal steps. So each branch may have a cache of its own, and what is
//! neither a branch nor a tag, such as a pull request, never writes a cache that the others read.

mod commit_names;
#[cfg(test)]
mod tests;

use super::cache_tags;
use crate::git::KeptRef;
use crate::step::build::{Cache, CacheExport, CacheWhen, Platform};
use crate::step::{Build, RegistryRef};
pub(super) use commit_names::CommitNames;
use commit_names::GitName;

/// A cache that is written, and read by later builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CacheTarget {
    /// Its name.
    pub(super) cache: RegistryRef,
    /// The only platform whose steps it has; `None` for all of the build.
    pub(super) platform: Option<Platform>,
}

/// The caches of a build that follow from its commit, and from the daemons that build it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CacheRefs {
    /// Caches to read besides those that the step names. They need not be there.
    pub(super) own: Vec<CacheTarget>,
    /// Caches to write.
    pub(super) to: Vec<CacheTarget>,
    /// Why nothing is written, if that is not what the step asks for.
    pub(super) note: Option<String>,
}

/// The caches to read that have their name from the step alone. If each platform is built by itself, it reads a cache of its own instead
/// of the one that is written.
pub(super) fn named(cache: &Cache, by_platform: bool) -> Vec<RegistryRef> {
    let is_written = |from: &RegistryRef| cache.to.as_ref().is_some_and(|to| to.target.image == from.image);
    cache
        .from
        .iter()
        .filter(|from| from.image.tag().is_some() || from.image.digest().is_some())
        .filter(|from| !(by_platform && is_written(from)))
        .cloned()
        .collect()
}

impl CommitNames {
    /// The caches of `build`. `reference` is the ref that its revision named. With `by_platform`, each platform is built by itself, and has
    /// caches of its own: one of all platforms would be that of the last one.
    pub(super) fn refs(self, build: &Build, reference: Option<&KeptRef>, by_platform: bool) -> CacheRefs {
        let Some(to) = &build.cache.to else { return CacheRefs::default() };
        let resolved = || match reference {
            Some(reference) => GitName::of(reference.name()),
            None => GitName::Unknown("the Git server did not say what the revision is".to_owned()),
        };
        let name = self.name.unwrap_or_else(resolved);
        let default_branch = self.default_branch.as_deref();
        let own = own(build, to, &name, default_branch, by_platform);
        let whole = |cache: RegistryRef| match by_platform {
            true => of_platforms(&cache, &build.platforms),
            false => vec![CacheTarget { cache, platform: None }],
        };
        let (targets, note) = match (to.when, name) {
            (CacheWhen::Branch, GitName::Branch(full)) if to.is_by_branch() => {
                (of_branch(&to.target, &full, &build.platforms), None)
            }
            (CacheWhen::Branch, GitName::Branch(_)) => (whole(to.target.clone()), None),
            (CacheWhen::Branch, GitName::Unknown(why)) => {
                (Vec::new(), Some(format!("the cache was not exported: {why}")))
            }
            (CacheWhen::Branch, GitName::Tag | GitName::Other(_)) => (Vec::new(), None),
            (_, GitName::Other(full)) => (of_other(&to.target, &full).map(whole).unwrap_or_default(), None),
            (_, _) => (whole(to.target.clone()), None),
        };
        CacheRefs { own, to: targets, note }
    }
}

/// The caches to read that follow from the commit: of its branch and of the default branch, or of its pull request. With `by_platform`, also
/// those of each platform.
fn own(
    build: &Build,
    to: &CacheExport,
    name: &GitName,
    default_branch: Option<&str>,
    by_platform: bool,
) -> Vec<CacheTarget> {
    let Some(from) = build.cache.from.iter().find(|from| from.image == to.target.image) else {
        return Vec::new();
    };
    if to.is_by_branch() {
        let branch = match name {
            GitName::Branch(full) => Some(full.as_str()),
            GitName::Tag | GitName::Other(_) | GitName::Unknown(_) => None,
        };
        let default_branch = default_branch.filter(|default| Some(*default) != branch);
        let branches = branch.into_iter().chain(default_branch);
        return branches.flat_map(|full| of_branch(from, full, &build.platforms)).collect();
    }
    let other = match name {
        GitName::Other(full) if to.when != CacheWhen::Branch => of_other(from, full),
        _ => None,
    };
    if !by_platform {
        return other.into_iter().map(|cache| CacheTarget { cache, platform: None }).collect();
    }
    let caches = other.into_iter().chain([from.clone()]);
    caches.flat_map(|cache| of_platforms(&cache, &build.platforms)).collect()
}

/// The caches of the branch `full` in the repository `at`: one, or one for each of several platforms.
fn of_branch(at: &RegistryRef, full: &str, platforms: &[Platform]) -> Vec<CacheTarget> {
    let target = |platform: Option<&Platform>| {
        let image = at.image.with_tag(&cache_tags::of_branch(full, platform))?;
        Some(CacheTarget { cache: RegistryRef { image, insecure: at.insecure }, platform: platform.cloned() })
    };
    match platforms {
        [] | [_] => target(None).into_iter().collect(),
        several => several.iter().filter_map(|platform| target(Some(platform))).collect(),
    }
}

/// The caches of each of `platforms` instead of `whole`.
fn of_platforms(whole: &RegistryRef, platforms: &[Platform]) -> Vec<CacheTarget> {
    let target = |platform: &Platform| {
        let tag = cache_tags::of_platform(whole.image.target(), platform);
        let cache = RegistryRef { image: whole.image.with_tag(&tag)?, insecure: whole.insecure };
        Some(CacheTarget { cache, platform: Some(platform.clone()) })
    };
    platforms.iter().filter_map(target).collect()
}

/// The cache of the ref `full`, which is no branch, instead of `shared`.
fn of_other(shared: &RegistryRef, full: &str) -> Option<RegistryRef> {
    let tag = cache_tags::of_other(shared.image.target(), full);
    Some(RegistryRef { image: shared.image.with_tag(&tag)?, insecure: shared.insecure })
}
