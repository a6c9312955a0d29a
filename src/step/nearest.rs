//! "Did you mean": suggests the known name that is nearest to a misspelt one.

use crate::text;

/// A bound in bytes that is larger than any of the names below.
const LONGEST: usize = 64;

/// The names that buildctl, buildx, Compose and Tekton's tasks use for our fields, without separators.
const ELSEWHERE: &[(&str, &str)] = &[
    ("addhosts", "extra-hosts"),
    ("always", "when"),
    ("branch", "revision"),
    ("cachefrom", "cache"),
    ("cacheto", "cache"),
    ("destination", "tags"),
    ("exportcache", "cache"),
    ("file", "dockerfile"),
    ("filename", "dockerfile"),
    ("forcenetworkmode", "network"),
    ("image", "tags"),
    ("images", "targets"),
    ("importcache", "cache"),
    ("path", "subdir"),
    ("ref", "revision"),
    ("src", "secret"),
    ("url", "repo"),
    ("values", "helm"),
    ("application-name", "name"),
    ("ci-skip", "skip-ci"),
    ("dryrun", "commit"),
    ("gpgkey", "signing-key"),
    ("reviewers", "assignees"),
    ("signkey", "signing-key"),
];

/// ` (did you mean `x`?)`, or nothing if no known name is similar.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// `` `a`, `b`, `c` ``.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<_> = known.into_iter().collect();
    let plain = text::without_separators(text::head(word, LONGEST));
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == plain).map(|(_, ours)| *ours);
    let ours = known.iter().copied().find(|name| Some(*name) == elsewhere);
    ours.or_else(|| text::near(word, known).first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_other_spellings_are_near() {
        let known = ["build-args", "tags", "cache", "secrets"];
        for (word, name) in [
            ("buildArgs", Some("build-args")),
            ("build_arg", Some("build-args")),
            ("tag", Some("tags")),
            ("cahce", Some("cache")),
            ("destination", Some("tags")),
            ("import-cache", Some("cache")),
            ("url", None),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), name, "{word}");
        }
        assert_eq!(nearest("tags", []), None);
    }
}
