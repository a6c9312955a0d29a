//! Globs for the files of a service: `paths` are watched, `paths-ignore` are not, and ignoring wins.
//!
//! The globs mean what users of GitHub Actions and Pipelines-as-Code expect: they match the whole path from the root, `*` stays
//! within one part of it, `**` does not. A pattern without wildcards also means everything below the directory of that
//! name, and in `paths` a `!` takes away what earlier patterns matched.

mod glob;

use globset::{Candidate, GlobSet, GlobSetBuilder};

use super::{ChangedFiles, Decision};
use crate::text;
pub use glob::BadGlob;
use glob::Pattern;

/// The most bytes of the globs in a reason.
const SHOWN: usize = 200;

/// The files that are watched and ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathFilter {
    paths: Vec<Pattern>,
    ignored: Vec<Pattern>,
}

impl PathFilter {
    /// Makes a filter. Without `paths`, every file is watched.
    ///
    /// # Errors
    /// [`BadGlob`] names the first glob that cannot be used.
    pub fn new<S: AsRef<str>>(paths: &[S], ignored: &[S]) -> Result<Self, BadGlob> {
        let read = |globs: &[S]| globs.iter().map(|glob| Pattern::parse(glob.as_ref())).collect();
        let (paths, ignored): (Result<Vec<_>, _>, Result<Vec<_>, _>) = (read(paths), read(ignored));
        let (paths, ignored) = (paths?, ignored?);
        if let Some(first) = paths.first().filter(|first| first.negative) {
            return Err(first.bad(
                "it takes away from the patterns before it, and there is none; write one first, such as `**`",
            ));
        }
        if let Some(negative) = ignored.iter().find(|pattern| pattern.negative) {
            return Err(negative.bad("a pattern in `paths-ignore` has no `!`; write it into `paths`"));
        }
        Ok(Self { paths, ignored })
    }

    /// Whether every file counts.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.ignored.is_empty()
    }

    /// The indexes in `files` of those that count, at most `most` of them.
    ///
    /// # Errors
    /// A glob is too large to be used.
    pub fn touched(&self, files: &ChangedFiles, most: usize) -> Result<Vec<usize>, BadGlob> {
        let (paths, ignored) = (Matcher::new(&self.paths)?, Matcher::new(&self.ignored)?);
        let counts = |path: &[u8]| {
            let path = Candidate::from_bytes(path);
            (self.paths.is_empty() || paths.matches(&path)) && !ignored.matches(&path)
        };
        let found = files.0.iter().enumerate().filter(|(_, path)| counts(path)).map(|(nth, _)| nth);
        Ok(found.take(most).collect())
    }

    /// Decides by the files that changed.
    pub(super) fn decide(&self, files: &ChangedFiles) -> Result<Decision, BadGlob> {
        let found = self.touched(files, 1)?.first().and_then(|&nth| files.0.get(nth));
        Ok(match (found, files.0.first()) {
            (Some(path), _) => Decision::build(format!("{} changed", shown(path))),
            (None, None) => Decision::skip("no file changed".to_owned()),
            (None, Some(other)) => {
                Decision::skip(format!("{}, only {}", self.nothing(), all(other, files.0.len())))
            }
        })
    }

    /// `nothing under … changed`.
    fn nothing(&self) -> String {
        let written = |patterns: &[Pattern]| {
            let all: Vec<_> = patterns.iter().map(|pattern| pattern.written.as_str()).collect();
            text::brief(&all.join(", "), SHOWN)
        };
        match (self.paths.is_empty(), self.ignored.is_empty()) {
            (false, true) => format!("nothing under {} changed", written(&self.paths)),
            (true, _) => {
                format!("nothing changed that `paths-ignore` ({}) does not ignore", written(&self.ignored))
            }
            (false, false) => format!(
                "nothing under {} changed that `paths-ignore` ({}) does not ignore",
                written(&self.paths),
                written(&self.ignored)
            ),
        }
    }
}

fn shown(path: &[u8]) -> String {
    format!("`{}`", text::brief(&ChangedFiles::shown(path), SHOWN))
}

fn all(first: &[u8], count: usize) -> String {
    match count {
        1 => shown(first),
        count => format!("{count} files such as {}", shown(first)),
    }
}

/// Compiled patterns. They exist for one decision only, because a step may name thousands.
struct Matcher {
    set: GlobSet,
    /// For each glob of the set: the number of its pattern, and whether the pattern takes away.
    patterns: Vec<(usize, bool)>,
    takes_away: bool,
}

impl Matcher {
    fn new(patterns: &[Pattern]) -> Result<Self, BadGlob> {
        let (mut set, mut of) = (GlobSetBuilder::new(), Vec::new());
        for (nth, pattern) in patterns.iter().enumerate() {
            for glob in pattern.globs()? {
                set.add(glob);
                of.push((nth, pattern.negative));
            }
        }
        let takes_away = patterns.iter().any(|pattern| pattern.negative);
        let set = set.build().map_err(|e| BadGlob {
            glob: e.glob().unwrap_or_default().to_owned(),
            why: format!("{}; shorten it", e.kind()),
        })?;
        Ok(Self { set, patterns: of, takes_away })
    }

    /// Whether the last pattern that matches `path` is one that adds.
    fn matches(&self, path: &Candidate<'_>) -> bool {
        if !self.takes_away {
            return self.set.is_match_candidate(path);
        }
        let found = self.set.matches_candidate(path);
        let last = found.iter().filter_map(|&glob| self.patterns.get(glob)).max();
        last.is_some_and(|(_, negative)| !negative)
    }
}
