//! The ids of cache mounts, which the daemon tells only as the end of a record's description:
//! `cached mount /root/.npm from exec /bin/sh -c npm ci with id "builds/npm"` (BuildKit `solver/llbsolver/mounts/mount.go`).
//!
//! The text before the id is from a Dockerfile, and may contain such an end of its own. The id is in quotes as Go writes them, so
//! a quote in it has a backslash before it, and ` with id "` is never part of an id. So the last such text before a string that
//! ends with the description is the daemon's.

/// The beginning of an id.
const BEFORE: &str = " with id \"";

/// The id of the cache mount with this description, with Go's escapes.
pub(super) fn id(description: &str) -> Option<&str> {
    let (_, quoted) = description.rsplit_once(BEFORE)?;
    let id = quoted.strip_suffix('"')?;
    let mut escaped = false;
    let is_open = id.chars().all(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        !ends
    });
    (is_open && !escaped).then_some(id)
}

/// The filter for the cache mounts of `namespace`, whose ids begin with it. The pattern follows the rules of `id`.
///
/// A further selector can only exclude some of these records, whatever it is, because this text is complete.
pub fn own_mounts(namespace: &str) -> String {
    // A namespace consists of letters, digits and `-`. Anything else would have a meaning in the pattern.
    let namespace: String = namespace.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!(r#"type==exec.cachemount,description~=" with id \"{namespace}/([^\"\\\\]|\\\\.)*\"$""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_the_daemon_has_written_at_the_end() {
        for (description, expected) in [
            (r#"cached mount /c from exec sh -c a with id "builds/npm""#, Some("builds/npm")),
            (
                r#"cached mount /c from exec sh -c echo with id "other/x" with id "builds/npm""#,
                Some("builds/npm"),
            ),
            // An id with quotes.
            (
                r#"cached mount /c from exec a with id "builds/ with id \"other/x\"""#,
                Some(r#"builds/ with id \"other/x\""#),
            ),
            (r#"cached mount /c from exec a with id "builds/\\""#, Some(r"builds/\\")),
            // No id at all.
            ("cached mount /c from exec sh -c a", None),
            (r#"cached mount /c from exec sh -c a with id "builds/x" b"#, None),
            (r#"cached mount /c from exec sh -c a with id "builds/x" "b""#, None),
            (r#"cached mount /c from exec sh -c a with id "builds/x\""#, None),
            (r#"with id "builds/x""#, None),
            (r#" with id ""#, None),
            ("", None),
        ] {
            assert_eq!(id(description), expected, "{description}");
        }
    }

    #[test]
    fn the_daemons_pattern_agrees() {
        let filter = own_mounts("builds");
        let quoted =
            filter.strip_prefix(r#"type==exec.cachemount,description~=""#).and_then(|f| f.strip_suffix('"'));
        let pattern = quoted.unwrap_or_default().replace(r#"\""#, "\"").replace(r"\\", r"\");
        let pattern = regex_lite::Regex::new(&pattern).map_err(|bad| bad.to_string());
        for description in [
            r#"cached mount /c from exec a with id "builds/npm""#,
            r#"cached mount /c from exec a with id "builds//root/.npm""#,
            r#"cached mount /c from exec a with id "builds2/npm""#,
            r#"cached mount /c from exec a with id "other/ with id \"builds/x\"""#,
            r#"cached mount /c from exec a with id "builds/x" with id "other/y""#,
            r#"cached mount /c from exec a with id "builds/x\ with id "other/y""#,
            r#"cached mount /c from exec a with id "builds/\\""#,
            r#"cached mount /c from exec a with id "builds/\""#,
            r#"cached mount /c from exec a with id "/npm""#,
            r#"cached mount /c from exec a with id "builds/x" b"#,
        ] {
            let own = id(description).is_some_and(|id| id.starts_with("builds/"));
            assert_eq!(
                pattern.as_ref().map(|pattern| pattern.is_match(description)),
                Ok(own),
                "{description}"
            );
        }
    }
}
