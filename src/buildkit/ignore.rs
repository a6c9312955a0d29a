//! `.dockerignore`: which files of a context a build does not get.
//!
//! BuildKit reads it for contexts that a client sends, and ignores it in contexts that it fetches itself
//! (`frontend/dockerui/config.go`, `MainContext`). The patterns are sent to the daemon, whose own matcher decides. The matcher
//! here serves messages only. A file is parsed as moby's `patternmatcher/ignorefile` parses it.

mod pattern;

use pattern::IgnorePattern;

/// The largest number of patterns in one file. Each pattern costs the daemon time for each file of the context.
const MAX_PATTERNS: usize = 10_000;
/// Bytes of patterns with wildcards that are matched here: each takes a hundred times its size, and time for each byte of a path.
const MAX_WILD: usize = 4 << 10;
/// Bytes of a path that is matched here.
const MAX_PATH: usize = 1 << 10;
/// The largest line, in bytes (Go `bufio.MaxScanTokenSize`).
const MAX_LINE: usize = 64 << 10;

/// A parsed ignore file.
#[derive(Debug, Clone)]
pub struct Ignore {
    /// The file's path, for messages.
    pub name: String,
    patterns: Vec<IgnorePattern>,
}

/// The reason why an ignore file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIgnore {
    /// One line is invalid.
    #[error("`{name}`, line {line}: {why}")]
    Line {
        /// The file.
        name: String,
        /// The line number, from 1.
        line: usize,
        /// The problem, and what to do.
        why: &'static str,
    },
    /// The file has too many patterns.
    #[error("`{name}` has more than {MAX_PATTERNS} patterns; write fewer")]
    TooMany {
        /// The file.
        name: String,
    },
}

impl Ignore {
    /// Parses `bytes` as the file `name`.
    ///
    /// # Errors
    /// Fails if BuildKit would reject a line.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, BadIgnore> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let (mut patterns, mut room) = (Vec::new(), MAX_WILD);
        for (nth, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let bad = |why| BadIgnore::Line { name: name.to_owned(), line: nth + 1, why };
            if line.len() > MAX_LINE {
                return Err(bad("it has more than 64 KiB; write one pattern in a line"));
            }
            if line.starts_with(b"#") {
                continue;
            }
            let line =
                std::str::from_utf8(line).map_err(|_| bad("it is not UTF-8; save the file as UTF-8"))?;
            patterns.extend(IgnorePattern::read(line, &mut room).map_err(bad)?);
            if patterns.len() > MAX_PATTERNS {
                return Err(BadIgnore::TooMany { name: name.to_owned() });
            }
        }
        Ok(Self { name: name.to_owned(), patterns })
    }

    /// The patterns for the daemon, in the order of the file. The order matters.
    pub fn patterns(&self) -> Vec<String> {
        self.patterns.iter().map(ToString::to_string).collect()
    }

    /// The memory in bytes that the patterns take. Most of many short ones is not their text.
    pub fn size(&self) -> usize {
        self.patterns.iter().map(IgnorePattern::size).sum()
    }

    /// Whether the file excludes `path`, relative to the context. The last pattern that matches `path`, or a directory above
    /// it, decides (moby `patternmatcher`, `MatchesOrParentMatches`).
    pub fn excludes(&self, path: &str) -> bool {
        let path = path.trim_matches('/');
        if path.len() > MAX_PATH {
            return false;
        }
        let slashes = path.match_indices('/').map(|(at, _)| &path[..at]);
        let above: Vec<_> = slashes.collect();
        self.patterns.iter().fold(false, |excluded, pattern| {
            // Skip a pattern that would not change the result.
            if pattern.is_exception() == excluded && pattern.matches(path, &above) {
                !excluded
            } else {
                excluded
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn ignore(text: &str) -> Ignore {
        Ignore::read(".dockerignore", text.as_bytes()).unwrap()
    }

    #[test]
    fn lines_are_read_as_docker_reads_them() {
        let text = "\u{feff}# comment\r\n  a/b/ \r\n\r\n/rooted\n! ./kept//x\n #not a comment\n./../up\n**/*.log\n/\n.\n";
        let expected = ["a/b", "rooted", "!kept/x", "#not a comment", "../up", "**/*.log", "/", "."];
        assert_eq!(ignore(text).patterns(), expected);
    }

    #[test]
    fn what_a_pattern_means() {
        let rows = [
            ("secret.txt", "secret.txt", true),
            ("secret.txt", "a/secret.txt", false),
            ("secret.txt", "secretXtxt", false),
            ("a", "a/b/c", true),
            ("a", "ab", false),
            ("*.env", "prod.env", true),
            ("*.env", "a/prod.env", false),
            ("**/*.env", "a/b/prod.env", true),
            ("**/*.env", "prod.env", true),
            ("**/.git", ".git", true),
            ("**/.git", "lib/.git/config", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**", "a/b/c", true),
            ("a/**", "ab", false),
            ("**", "a/b", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("a+(b)|c{d}$", "a+(b)|c{d}$", true),
            ("*\n!keep", "keep", false),
            ("*\n!keep", "other", true),
            ("*\n!src", "src/main.rs", false),
            ("*\n!src\nsrc/*.key", "src/a.key", true),
            ("!keep\n*", "keep", true),
            ("docs\n!docs/README.md", "docs/README.md", false),
            ("docs\n!docs/README.md", "docs/other", true),
            (".", "a", false),
            ("/", "a", false),
        ];
        for (text, path, excluded) in rows {
            assert_eq!(ignore(text).excludes(path), excluded, "{text:?} {path}");
        }
    }

    #[test]
    fn what_is_matched_here_is_bounded_and_the_daemon_is_told_all() {
        let line = format!("{}\n", "?*".repeat(1_000));
        let long = "b".repeat(200);
        let ignore = ignore(&format!("a*\n{}{long}*\nc\n", line.repeat(3)));
        let excluded = ["ab/c", &long, "c"].map(|path| ignore.excludes(path));
        assert_eq!((excluded, ignore.patterns().len()), ([true, false, true], 6));
        assert!(!ignore.excludes(&format!("c/{}", "d".repeat(MAX_PATH))));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let rows: [(&[u8], &str); 8] = [
            (b"a\n[b", "line 2: `[` has no `]`"),
            (b"a[]", "line 1: `[` has no `]`"),
            (b"[a-]", "line 1: `[` has no `]`"),
            (b"ab\\", "line 1: it ends with a backslash"),
            (b"a\n\n!", "line 3: `!` stands alone"),
            (b"! \n", "line 1: `!` stands alone"),
            (b"\xff\xfe", "line 1: it is not UTF-8"),
            (&[b'a'; 70_000], "line 1: it has more than 64 KiB"),
        ];
        for (text, expected) in rows {
            let error = Ignore::read("x.dockerignore", text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`x.dockerignore`, {expected}")), "{error}");
        }
        let many = Ignore::read("i", "a\n".repeat(10_001).as_bytes()).unwrap_err();
        assert!(many.to_string().contains("10000 patterns"), "{many}");
    }
}
