//! "Did you mean": the nearest known name to a misspelt one.

/// ` (did you mean `x`?)`, or nothing when no known name is near.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// `` `a`, `b`, `c` ``.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let distance = |name: &&str| strsim::osa_distance(&word, &plain(name));
    let near = known.into_iter().map(|name| (distance(&name), name)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= (word.len() / 3).max(1)).then_some(near.1)
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
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), name, "{word}");
        }
        assert_eq!(nearest("tags", []), None);
    }
}
