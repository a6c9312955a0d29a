//! Suggestions ("did you mean"): the known names that are similar to an unknown one.

/// The longest name that is compared, in bytes. The work grows with the product of both lengths.
const LONGEST: usize = 200;

/// The names in `known` that differ from `word` in at most a third of its letters, the most similar first.
pub(crate) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = plain(word);
    let slips = (wanted.len() / 3).max(1);
    let comparable = |name: &&str| name.len().max(word.len()) <= LONGEST;
    let far = |name: &'a str| (strsim::osa_distance(&wanted, &plain(name)), name);
    let known = known.into_iter().filter(comparable).map(far);
    let mut near: Vec<_> = known.filter(|(far, _)| *far <= slips).collect();
    near.sort();
    near.into_iter().map(|(_, name)| name).collect()
}

/// `name` without case and separators, so `buildArgs` and `build_args` are near `build-args`.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn slips_and_other_spellings_are_near() {
        let known = ["build-args", "tags", "tag-list", "cache"];
        for (word, names) in [
            ("buildArgs", &["build-args"][..]),
            ("build_arg", &["build-args"]),
            ("tag", &["tags"]),
            ("cahce", &["cache"]),
            ("taglists", &["tag-list"]),
            ("xyz", &[]),
        ] {
            assert_eq!(near(word, known), names, "{word}");
        }
        assert_eq!(near("release-1", ["release-2", "release-1.0", "main"]), ["release-1.0", "release-2"]);
        assert!(near(&"x".repeat(201), ["x"]).is_empty(), "what is long is not compared");
    }
}
