//! Which tags a step is about.

use semver::{Version, VersionReq};

use crate::selection::NamePattern;
use crate::text;

/// The longest range, in bytes.
const LONGEST: usize = 200;

/// Which tags of a repository count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagFilter {
    /// A regular expression for the whole tag.
    pub regex: Option<NamePattern>,
    /// A range that the tag, as a version, must be in.
    pub semver: Option<VersionReq>,
    /// Whether tags count that tools write for themselves.
    pub hidden: bool,
}

impl TagFilter {
    /// Returns a function that says whether a tag counts.
    pub fn matcher(&self) -> impl Fn(&str) -> bool + use<> {
        let Self { regex, semver, hidden } = self.clone();
        let regex = regex.as_ref().map(NamePattern::matcher);
        move |tag| {
            (hidden || !is_hidden(tag))
                && regex.as_ref().is_none_or(|matches| matches(tag))
                && semver
                    .as_ref()
                    .is_none_or(|range| version(tag).is_some_and(|version| range.matches(&version)))
        }
    }
}

/// The version that `tag` is: `1.4.0` or `v1.4.0`, with all three numbers. A tag such as `1.4` moves from one version to
/// the next, so it is none.
pub fn version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

/// Whether a tool wrote `tag` for itself: lists of referrers and cosign's signatures (`sha256-…`), and logs of failed
/// builds (`log-…`).
pub(crate) fn is_hidden(tag: &str) -> bool {
    is_hex_after(tag, "log-", 32) || is_for_digest(tag)
}

/// Whether `tag` is made from a digest: `sha256-` or `sha512-` and its first 64 digits (distribution specification, "Referrers Tag
/// Schema"), with or without an end such as `.sig`.
pub(crate) fn is_for_digest(tag: &str) -> bool {
    is_hex_after(tag, "sha256-", 64) || is_hex_after(tag, "sha512-", 64)
}

fn is_hex_after(tag: &str, prefix: &str, long: usize) -> bool {
    let digits = tag.strip_prefix(prefix).and_then(|rest| rest.get(..long));
    digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Reads a range such as `>=1.4, <2`, `^1.4` or `1.x`.
pub(super) fn range(text: &str) -> Result<VersionReq, String> {
    if text.len() > LONGEST {
        return Err(format!("has more than {LONGEST} bytes; shorten it"));
    }
    VersionReq::parse(text).map_err(|bad| {
        let why = text::brief(&bad.to_string(), 100);
        format!("is no range of versions ({why}); write such as `>=1.4, <2`, `^1.4` or `1.x`")
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_filter_is_for_whole_tags_and_versions() {
        let log = format!("log-{}", "0a".repeat(16));
        let list = format!("sha256-{}", "0a".repeat(32));
        let signature = format!("{list}.sig");
        let long = format!("sha512-{}", "0a".repeat(32));
        let tags = [
            "1.4.0",
            "v1.5.0",
            "1.5",
            "2.0.0",
            "2.0.0-rc.1",
            "latest",
            "log-in",
            "sha256-1",
            &log,
            &list,
            &signature,
            &long,
        ];
        let count = |regex: Option<&str>, semver: Option<&str>, hidden| {
            let filter = TagFilter {
                regex: regex.map(|regex| NamePattern::new(regex).unwrap()),
                semver: semver.map(|range| super::range(range).unwrap()),
                hidden,
            };
            let matches = filter.matcher();
            tags.into_iter().filter(|tag| matches(tag)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(count(None, None, false), "1.4.0 v1.5.0 1.5 2.0.0 2.0.0-rc.1 latest log-in sha256-1");
        assert_eq!(count(None, None, true).split(' ').count(), tags.len());
        assert_eq!(count(Some("1.*"), None, false), "1.4.0 1.5");
        assert_eq!(count(None, Some("1.x"), false), "1.4.0 v1.5.0");
        assert_eq!(count(Some("v.*"), Some(">=1.4"), false), "v1.5.0");
        assert_eq!(count(None, Some(">=2.0.0-0"), false), "2.0.0 2.0.0-rc.1");
        assert_eq!(count(None, Some("*"), false), "1.4.0 v1.5.0 2.0.0");
        assert_eq!(count(Some("sha256-.*"), None, true).split(' ').count(), 3);
    }

    #[test]
    fn a_range_that_is_none() {
        for bad in ["latest", ">=", "1 || 2", &"1, ".repeat(100)] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}
