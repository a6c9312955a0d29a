//! The tags of caches that belong to one branch, or to one pull request.
//!
//! Two names never share a tag, whatever people call their branches. Git allows no `..` in the name of a ref, so a tag without `..`
//! is the name of one branch, and what follows `..` is a hash of the whole name, or a platform.

use sha2::{Digest as _, Sha256};

use crate::git::branch::short_name;
use crate::step::build::Platform;
use crate::text;

const SEPARATOR: &str = "..";

/// The longest name of a branch that is a tag as it is. A tag has at most 128 characters.
const LONGEST: usize = 63;

/// The most characters of another name that its tag shows.
const SHOWN: usize = 40;

/// The hex digits of a hash: so many that nobody finds another name with the same ones.
const HASH: usize = 32;

/// The most characters of a platform.
const PLATFORM: usize = 24;

/// The longest tag of a cache to which a platform can be added.
const LONGEST_WITH_PLATFORM: usize = 128 - SEPARATOR.len() - PLATFORM;

/// The tag for the branch `full` (`refs/heads/…`) and `platform`, if it has a cache of its own.
pub(super) fn of_branch(full: &str, platform: Option<&Platform>) -> String {
    let name = short_name(full);
    let tag = if is_plain(name) { name.to_owned() } else { hashed(name, full) };
    match platform {
        Some(platform) => with_platform(&tag, platform),
        None => tag,
    }
}

/// The tag for `platform` beside the cache with the tag `tag`.
pub(super) fn of_platform(tag: &str, platform: &Platform) -> String {
    match tag.len() > LONGEST_WITH_PLATFORM {
        true => with_platform(&hashed(tag, tag), platform),
        false => with_platform(tag, platform),
    }
}

fn with_platform(tag: &str, platform: &Platform) -> String {
    let platform = platform.to_string().replace('/', "-");
    format!("{tag}{SEPARATOR}{}", text::head(&platform, PLATFORM))
}

/// The tag for the ref `full`, which is no branch, beside the cache with the tag `tag`.
pub(super) fn of_other(tag: &str, full: &str) -> String {
    let name = full.strip_prefix("refs/").unwrap_or(full);
    // Neither a tag nor a ref contains a space.
    hashed(&format!("{tag}-{name}"), &format!("{tag} {full}"))
}

/// Whether the name of a branch is its tag. Gitea's registry does not tell capital letters from small ones. `latest` is the cache of
/// steps that name no tag.
fn is_plain(name: &str) -> bool {
    let first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let later = |b: u8| first(b) || matches!(b, b'_' | b'.' | b'-');
    let is_tag = name.bytes().next().is_some_and(first) && name.bytes().all(later);
    is_tag && name.len() <= LONGEST && !name.contains(SEPARATOR) && name != "latest"
}

/// A tag that shows `name`, and has a hash of `whole`.
fn hashed(name: &str, whole: &str) -> String {
    let hash = hex::encode(Sha256::digest(whole));
    format!("{}{SEPARATOR}{}", shown(name), text::head(&hash, HASH))
}

/// The letters and digits of `name`, with a `-` for what is between them.
fn shown(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    match text::head(&words, SHOWN) {
        "" => "ref".to_owned(),
        shown => shown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use super::*;
    use crate::oci::ImageRef;

    fn of(name: &str) -> String {
        of_branch(&format!("refs/heads/{name}"), None)
    }

    #[test]
    fn a_plain_name_is_its_tag_and_another_one_can_be_recognised() {
        for name in ["main", "master", "release-1.2", "v2_x", "pr-1", "0"] {
            assert_eq!(of(name), name);
        }
        for (name, shown) in [
            ("feature/login", "feature-login.."),
            ("Fix/JIRA-42 umlauts: ÄÖÜ", "fix-jira-42-umlauts.."),
            ("功能", "ref.."),
            ("-x", "x.."),
            ("long".repeat(50).as_str(), "longlonglonglonglonglonglonglonglonglong.."),
        ] {
            let tag = of(name);
            assert!(tag.starts_with(shown) && tag.len() == shown.len() + HASH, "{name}: {tag}");
        }
    }

    /// Each line has names that a person or a program could take for one another.
    #[test]
    fn no_two_names_share_a_tag() {
        let long = "x".repeat(LONGEST);
        let own = of("feature/x");
        let (hash, part) = (own.strip_prefix("feature-x..").unwrap(), &own["feature-x..".len()..][..8]);
        let mut names: Vec<String> = [
            "main",
            "Main",
            "MAIN",
            "maIn",
            "main.",
            "main-",
            "main_",
            "_main",
            "-main",
            "ma/in",
            "main/main",
            "refs/heads/main",
            "heads/main",
            "origin/main",
            "mаin",
            "ｍａｉｎ",
            "main\u{301}",
            "mäin",
            "ma\u{308}in",
            "ma\u{200b}in",
            "pr-1",
            "pr/1",
            "PR-1",
            "pull/1/head",
            "pull-1-head",
            "refs/pull/1/head",
            "latest",
            "latest-pull-1-head",
            "feature/x",
            "feature-x",
            "feature_x",
            "feature.x",
            "feature//x",
            "main-linux-amd64",
            "main/linux/amd64",
            "HEAD",
            "",
        ]
        .map(str::to_owned)
        .into();
        names.extend([long.clone(), format!("{long}x"), format!("{long}y"), format!("{long}xx")]);
        // Names that look like a tag of another branch. Git allows no `..`.
        names.extend([
            format!("feature-x-{hash}"),
            format!("feature-x.{hash}"),
            format!("feature-x-{part}"),
            hash.to_owned(),
        ]);
        let mut tags: Vec<_> = names.iter().map(|name| of(name)).collect();
        let amd64 = Platform::parse("linux/amd64").unwrap();
        let arm = Platform::parse(&format!("linux/arm/v{}", "7".repeat(90))).unwrap();
        for platform in [&amd64, &arm] {
            let of_platform = |name: &String| of_branch(&format!("refs/heads/{name}"), Some(platform));
            tags.extend(names.iter().map(of_platform));
        }
        for full in [
            "refs/pull/1/head",
            "refs/pull/1/merge",
            "refs/pull/11/head",
            "refs/merge-requests/1/head",
            "refs/x",
        ] {
            tags.extend(["latest", "main", "pr-1", "t".repeat(128).as_str()].map(|tag| of_other(tag, full)));
        }
        // As Gitea's registry compares them.
        let folded: BTreeSet<_> = tags.iter().map(|tag| tag.to_ascii_lowercase()).collect();
        assert_eq!(folded.len(), tags.len());
        for tag in &tags {
            assert!(ImageRef::is_tag(tag), "{tag}");
        }
    }

    #[test]
    fn each_platform_has_its_own() {
        let arm = Platform::parse("linux/arm/v7").unwrap();
        assert_eq!(of_branch("refs/heads/main", Some(&arm)), "main..linux-arm-v7");
        let tag = of_branch("refs/heads/feature/x", Some(&arm));
        assert!(tag.starts_with("feature-x..") && tag.ends_with("..linux-arm-v7"), "{tag}");
    }
}
