//! Marks in a commit's message that ask for no build.

/// The marks that stand anywhere in a message, in any case: those of GitHub (docs "Skipping workflow runs") and Gitea
/// (`[actions] SKIP_WORKFLOW_STRINGS`), which are the first five, and ours.
pub(crate) const SKIP_MARKS: [&str; 7] =
    ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]", "[skip argo]", "[argo skip]"];

/// The trailer of GitHub with the same meaning. Git's rule for trailers holds: it is a line of the last paragraph.
const SKIP_TRAILER: &str = "skip-checks";

/// The most bytes of a message that are searched.
const SEARCHED: usize = 64 << 10;

/// The mark in `message` that asks for no build, if there is one.
pub fn skip_mark(message: &str) -> Option<&'static str> {
    let lower = crate::text::head(message, SEARCHED).to_lowercase();
    let mark = SKIP_MARKS.into_iter().find(|mark| lower.contains(mark));
    mark.or_else(|| has_trailer(&lower).then_some("skip-checks: true"))
}

fn has_trailer(lower: &str) -> bool {
    let Some((_, last)) = lower.trim_end().rsplit_once("\n\n") else { return false };
    let is_it = |line: &str| {
        line.split_once(':').is_some_and(|(name, value)| name == SKIP_TRAILER && value.trim() == "true")
    };
    last.lines().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::skip_mark;

    #[test]
    fn marks_of_the_forges_and_ours() {
        for (message, mark) in [
            ("Fix [skip ci]", Some("[skip ci]")),
            ("Fix\n\nlong\n[CI SKIP] text", Some("[ci skip]")),
            ("[No CI]", Some("[no ci]")),
            ("[skip actions]", Some("[skip actions]")),
            ("[actions skip]", Some("[actions skip]")),
            ("x[skip argo]y", Some("[skip argo]")),
            ("[argo skip]", Some("[argo skip]")),
            ("Fix\n\n\nskip-checks: true\n", Some("skip-checks: true")),
            ("Fix\n\nSigned-off-by: x\nskip-checks:true", Some("skip-checks: true")),
            ("Fix\n\nskip-checks: false", None),
            ("skip-checks: true", None),
            ("Fix\n\nskip-checks: true\n\nmore text", None),
            ("skip ci", None),
            ("[skip  ci]", None),
            ("[skip cis]", None),
            ("", None),
        ] {
            assert_eq!(skip_mark(message), mark, "{message:?}");
        }
    }
}
