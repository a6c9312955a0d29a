//! One pattern for paths.

use globset::{Glob, GlobBuilder};

use crate::text;

/// The longest pattern, in bytes, so that the automaton of a hostile one is small.
const LONGEST: usize = 500;
/// The most `**` within names of one pattern. Each doubles the globs.
const INSIDE: usize = 2;

/// The characters that make a pattern more than a path.
const META: [char; 5] = ['*', '?', '[', '{', '\\'];

/// A glob that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no glob for paths: {why}", text::brief(.glob, 60))]
pub struct BadGlob {
    /// The glob as written.
    pub glob: String,
    /// What is wrong, and what to do.
    pub why: String,
}

/// A pattern as written. Its globs are made when they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) written: String,
    /// Whether it takes away what earlier ones matched.
    pub(super) negative: bool,
}

impl Pattern {
    pub(super) fn parse(written: &str) -> Result<Self, BadGlob> {
        let pattern = Self { written: written.to_owned(), negative: written.starts_with('!') };
        pattern.check().map_err(|why| pattern.bad(why))?;
        pattern.globs()?;
        Ok(pattern)
    }

    pub(super) fn bad(&self, why: impl Into<String>) -> BadGlob {
        BadGlob { glob: self.written.clone(), why: why.into() }
    }

    /// The pattern without its `!`.
    fn body(&self) -> &str {
        self.written.strip_prefix('!').unwrap_or(&self.written)
    }

    fn check(&self) -> Result<(), String> {
        let body = self.body();
        if self.written.len() > LONGEST {
            return Err(format!("it has more than {LONGEST} bytes; shorten it"));
        }
        if body.is_empty() {
            return Err("it is empty; write a path, or `**` for every file".to_owned());
        }
        if body.starts_with('/') {
            return Err("write the path from the repository's root, without a leading `/`".to_owned());
        }
        if body.chars().any(char::is_control) {
            return Err("it contains a control character; write `?` in its place".to_owned());
        }
        let parts = body.strip_suffix('/').unwrap_or(body).split('/');
        if parts.into_iter().any(|part| matches!(part, "" | "." | "..")) {
            return Err("no part of a path is `.`, `..` or empty; write it as Git lists it (`git ls-files`)"
                .to_owned());
        }
        if inside(body).count() > INSIDE {
            return Err(format!(
                "more than {INSIDE} times it has `**` within a name; write `**` between slashes"
            ));
        }
        Ok(())
    }

    /// The globs that together match what the pattern matches.
    pub(super) fn globs(&self) -> Result<Vec<Glob>, BadGlob> {
        let body = self.body();
        let mut texts = match body.strip_suffix('/') {
            Some(directory) => vec![format!("{directory}/**")],
            None if body.contains(META) => vec![body.to_owned()],
            None => vec![body.to_owned(), format!("{body}/**")],
        };
        // globset reads `**` within a name as `*`. Here it may also stand for whole directories.
        for _ in 0..INSIDE {
            let both = |text: &String| match inside(text).next() {
                Some(at) => ["*", "*/**/*"].map(|by| replaced(text, at, by)).to_vec(),
                None => vec![text.clone()],
            };
            texts = texts.iter().flat_map(both).collect();
        }
        let compile = |text: &String| {
            GlobBuilder::new(text)
                .literal_separator(true)
                .empty_alternates(true)
                .backslash_escape(true)
                .build()
        };
        texts.iter().map(compile).collect::<Result<_, _>>().map_err(|e| {
            self.bad(format!("{}; write `[` and `{{` with their ends, or `\\[` for a plain `[`", e.kind()))
        })
    }
}

/// Where `pattern` has two or more `*` that are not a whole part of the path.
fn inside(pattern: &str) -> impl Iterator<Item = usize> {
    let bytes = pattern.as_bytes();
    let star = move |at: usize| bytes.get(at) == Some(&b'*');
    pattern.match_indices("**").map(|(at, _)| at).filter(move |&at| {
        let end = (at..).find(|&end| !star(end)).unwrap_or(bytes.len());
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let begins = matches!(before, None | Some(b'/' | b'{' | b','));
        let ends = matches!(bytes.get(end), None | Some(b'/' | b'}' | b','));
        // The first of `\\**` is a plain star.
        before != Some(b'\\') && !(begins && ends && end - at == 2)
    })
}

/// `pattern` with the stars at `at` replaced.
fn replaced(pattern: &str, at: usize, by: &str) -> String {
    let (before, stars) = pattern.split_at(at);
    format!("{before}{by}{}", stars.trim_start_matches('*'))
}
