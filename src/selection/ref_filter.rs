//! The branches and tags that a service builds, as regular expressions for the whole short name.

use regex_lite::{Regex, RegexBuilder};

use super::GitRef;
use crate::text;

/// The longest pattern, in bytes.
const LONGEST: usize = 500;
/// The most bytes of one compiled pattern.
const COMPILED: usize = 32 << 10;
/// The most bytes of all patterns in a reason.
const SHOWN: usize = 120;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no regular expression for names: {why}", text::brief(.pattern, 60))]
pub struct BadPattern {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong, and what to do.
    pub why: String,
}

/// The refs that a service builds. Without any pattern it builds every branch and every tag; with patterns for one kind only, it
/// builds none of the other. Heads of pull requests are always built: whoever asks about one decided that already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefFilter {
    branches: Patterns,
    tags: Patterns,
}

/// The patterns as written. They are compiled for each decision and dropped, because a step may name thousands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Patterns(Vec<String>);

impl RefFilter {
    /// Makes a filter from patterns for short names. Each must match the whole name.
    ///
    /// # Errors
    /// [`BadPattern`] names the first pattern that cannot be used.
    pub fn new<S: AsRef<str>>(branches: &[S], tags: &[S]) -> Result<Self, BadPattern> {
        Ok(Self { branches: Patterns::new(branches)?, tags: Patterns::new(tags)? })
    }

    /// Whether it has patterns for tags.
    pub fn names_tags(&self) -> bool {
        !self.tags.0.is_empty()
    }

    /// How many patterns it has.
    pub fn patterns(&self) -> usize {
        self.branches.0.len() + self.tags.0.len()
    }

    /// The reason why the service does not build `git_ref`; `None` if it does.
    pub(super) fn refuses(&self, git_ref: &GitRef) -> Option<String> {
        if self.branches.0.is_empty() && self.tags.0.is_empty() {
            return None;
        }
        let (name, patterns) = match git_ref {
            GitRef::Branch(name) => (name, &self.branches),
            GitRef::Tag(name) => (name, &self.tags),
            GitRef::PullRequest(_) => return None,
            GitRef::Other(_) => return Some(format!("{git_ref} is no branch and no tag")),
        };
        if patterns.matches(name) {
            return None;
        }
        let noun = git_ref.noun();
        Some(match patterns.shown() {
            None => format!("{git_ref} was pushed, and no {noun} is built"),
            Some(shown) => format!("{git_ref} is none of the {noun} patterns {shown}"),
        })
    }
}

/// One pattern for whole names, such as tags of images. It is checked, and compiled for each use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// Checks a regular expression that must match a whole name.
    ///
    /// # Errors
    /// The pattern cannot be used.
    pub fn new(pattern: &str) -> Result<Self, BadPattern> {
        anchored(pattern).map(|_| Self(pattern.to_owned()))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a function that says whether a name matches.
    pub fn matcher(&self) -> impl Fn(&str) -> bool + use<> {
        let compiled = compiled(&self.0);
        move |name| compiled.as_ref().is_some_and(|pattern| pattern.matches(name))
    }

    /// The same for names that may be kept in another case than they were written in. It takes all that [`Self::matcher`] takes.
    pub fn matcher_of_any_case(&self) -> impl Fn(&str) -> bool + use<> {
        let (exact, pattern) = (self.matcher(), format!("^(?:{})$", self.0));
        // Letters of both cases take more room than the checked pattern.
        let any = RegexBuilder::new(&pattern).case_insensitive(true).size_limit(4 * COMPILED).build();
        move |name| exact(name) || any.as_ref().is_ok_and(|regex| regex.is_match(name))
    }
}

/// A filter for very many refs, with its patterns compiled.
#[derive(Debug, Clone, Default)]
pub struct RefMatcher {
    branches: Vec<CompiledPattern>,
    tags: Vec<CompiledPattern>,
    any: bool,
}

#[derive(Debug, Clone)]
enum CompiledPattern {
    /// A name, which is compared as it is.
    Name(String),
    Regex(Regex),
}

impl RefFilter {
    /// The filter with its patterns compiled.
    pub fn matcher(&self) -> RefMatcher {
        let any = self.branches.0.is_empty() && self.tags.0.is_empty();
        RefMatcher { branches: self.branches.compiled(), tags: self.tags.compiled(), any }
    }
}

impl RefMatcher {
    /// Whether the branch or the tag with the full name `full` is built.
    pub fn builds(&self, full: &str) -> bool {
        let (name, patterns) = match (full.strip_prefix("refs/heads/"), full.strip_prefix("refs/tags/")) {
            (Some(name), _) => (name, &self.branches),
            (_, Some(name)) => (name, &self.tags),
            _ => return false,
        };
        self.any || patterns.iter().any(|pattern| pattern.matches(name))
    }
}

impl CompiledPattern {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

impl Patterns {
    fn compiled(&self) -> Vec<CompiledPattern> {
        self.0.iter().filter_map(|pattern| compiled(pattern)).collect()
    }

    fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, BadPattern> {
        let checked = patterns.iter().map(|pattern| {
            let pattern = pattern.as_ref();
            anchored(pattern).map(|_| pattern.to_owned())
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| anchored(pattern).is_ok_and(|regex| regex.is_match(name)))
    }

    fn shown(&self) -> Option<String> {
        let written: Vec<_> = self.0.iter().map(|written| format!("`{written}`")).collect();
        (!written.is_empty()).then(|| text::brief(&written.join(", "), SHOWN))
    }
}

fn compiled(pattern: &str) -> Option<CompiledPattern> {
    let is_name = pattern.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'));
    match is_name {
        true => Some(CompiledPattern::Name(pattern.to_owned())),
        false => anchored(pattern).ok().map(CompiledPattern::Regex),
    }
}

/// The pattern for a whole name.
fn anchored(pattern: &str) -> Result<Regex, BadPattern> {
    let bad = |why: String| BadPattern { pattern: pattern.to_owned(), why };
    if pattern.is_empty() {
        return Err(bad("it is empty; write `.*` for every name".to_owned()));
    }
    if pattern.len() > LONGEST {
        return Err(bad(format!("it has more than {LONGEST} bytes; shorten it")));
    }
    let compile =
        |text: &str| RegexBuilder::new(text).size_limit(COMPILED).build().map_err(|e| bad(e.to_string()));
    // The pattern alone must be valid too: `a)(b` is so only between our brackets.
    compile(pattern)?;
    compile(&format!("^(?:{pattern})$"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_pattern_is_for_the_whole_name() {
        let both = RefFilter::new(&["main|master", "release/.*"], &[r"v\d+"]).unwrap();
        let branches = RefFilter::new(&["main"], &[]).unwrap();
        for (filter, full, built) in [
            (&both, "refs/heads/main", true),
            (&both, "refs/heads/master", true),
            (&both, "refs/heads/mainline", false),
            (&both, "refs/heads/x/main", false),
            (&both, "refs/heads/release/1", true),
            (&both, "refs/tags/v1", true),
            (&both, "refs/tags/v1-rc", false),
            (&both, "refs/pull/1/head", true),
            (&both, "refs/notes/v1", false),
            (&branches, "refs/tags/main", false),
            (&RefFilter::default(), "refs/heads/x", true),
            (&RefFilter::default(), "refs/tags/x", true),
        ] {
            assert_eq!(filter.refuses(&GitRef::parse(full)).is_none(), built, "{full}");
            let is_pull = full.starts_with("refs/pull/");
            assert_eq!(filter.matcher().builds(full), built && !is_pull, "{full}");
        }
        let reason = both.refuses(&GitRef::parse("refs/heads/x\u{1b}[0m")).unwrap();
        assert_eq!(reason, "branch `x` is none of the branch patterns `main|master`, `release/.*`");
        let reason = branches.refuses(&GitRef::parse("refs/tags/v1")).unwrap();
        assert_eq!(reason, "tag `v1` was pushed, and no tag is built");
    }

    #[test]
    fn what_is_no_pattern() {
        for bad in ["", "(", "a)(b", "a{100000}", "[z-a]", &"x".repeat(501)] {
            let error = RefFilter::new(&[bad], &[]).unwrap_err().to_string();
            assert!(error.contains("is no regular expression"), "{error}");
        }
    }
}
