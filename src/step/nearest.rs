//! "Did you mean": the nearest known name to a misspelt one.

/// The longest word that can be near any of ours, in bytes.
const LONGEST: usize = 64;

/// What buildctl, buildx, Compose and Tekton's tasks call our fields, without separators.
const ELSEWHERE: &[(&str, &str)] = &[
    ("addhosts", "extra-hosts"),
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

/// ` (did you mean `x`?)`, or nothing when no known name is near.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// `` `a`, `b`, `c` ``.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes the product of both lengths, and the word comes from outside.
    if word.len() > LONGEST {
        return None;
    }
    let word = plain(word);
    let ours = ELSEWHERE.iter().find(|(other, _)| *other == word).map(|(_, ours)| *ours);
    let distance = |name: &str| match ours {
        Some(ours) if ours == name => 0,
        _ => strsim::osa_distance(&word, &plain(name)),
    };
    let (far, name) = known.into_iter().map(|name| (distance(name), name)).min_by_key(|(far, _)| *far)?;
    (far <= (word.len() / 3).max(1)).then_some(name)
}

/// Without case and separators, so that `buildArgs` and `build_args` are near `build-args`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
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
