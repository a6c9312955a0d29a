//! The files that a write-back edits: a path, or a glob over the tree.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use super::path::check_path;

/// A path from the repository's root, or a glob over the files of the tree. `*`, `?` and `[..]` match within one part
/// of a path, `**` matches any number of parts, `{a,b}` matches one of several texts.
#[derive(Debug, Clone)]
pub struct FileSpec {
    text: String,
    glob: Option<GlobMatcher>,
    /// The directories that a glob starts with: its leading parts without wildcards.
    directories: Vec<String>,
}

/// The characters that make a text a glob.
const META: [char; 4] = ['*', '?', '[', '{'];

/// Why a text is not a valid [`FileSpec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` names no file: {why}", super::text::tidy(.spec.as_bytes()))]
pub struct BadFileSpec {
    spec: String,
    /// The reason, and what to do.
    why: String,
}

impl FromStr for FileSpec {
    type Err = BadFileSpec;

    fn from_str(text: &str) -> Result<Self, BadFileSpec> {
        let bad = |why: String| BadFileSpec { spec: text.to_owned(), why };
        check_path(text).map_err(|why| bad(why.to_owned()))?;
        let glob = text.contains(META);
        // The limit keeps the automaton of a hostile pattern small.
        if glob && text.len() > 500 {
            return Err(bad("a glob has at most 500 characters; shorten it".to_owned()));
        }
        let compile = || GlobBuilder::new(text).literal_separator(true).empty_alternates(true).build();
        let glob = glob.then(compile).transpose().map_err(|e| {
            bad(format!("{}; write `[` and `{{` with their ends, or `[[]` for a plain `[`", e.kind()))
        })?;
        let parts: Vec<_> = text.split('/').collect();
        let plain = parts.iter().take_while(|part| !part.contains(META)).count().min(parts.len() - 1);
        let directories = parts[..plain].iter().map(|&part| part.to_owned()).collect();
        Ok(Self { text: text.to_owned(), glob: glob.map(|glob| glob.compile_matcher()), directories })
    }
}

impl FileSpec {
    /// Whether the file at `path` matches.
    pub fn matches(&self, path: &str) -> bool {
        self.glob.as_ref().map_or(self.text == path, |glob| glob.is_match(path))
    }

    /// Whether it can match several files.
    pub fn is_glob(&self) -> bool {
        self.glob.is_some()
    }

    /// The directories, from the root down, that contain every match of a glob.
    pub(crate) fn directories(&self) -> &[String] {
        &self.directories
    }

    /// The text that it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for FileSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for FileSpec {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for FileSpec {}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::FileSpec;

    #[test]
    fn paths_and_globs() {
        let table = [
            ("a/values.yaml", "a/values.yaml", true),
            ("a/values.yaml", "b/a/values.yaml", false),
            ("charts/*/values.yaml", "charts/shop/values.yaml", true),
            ("charts/*/values.yaml", "charts/shop/sub/values.yaml", false),
            ("charts/*/values.yaml", "charts/values.yaml", false),
            ("**/values.yaml", "values.yaml", true),
            ("**/values.yaml", "a/b/values.yaml", true),
            ("a/**/x", "a/x", true),
            ("a/**", "a/b/c", true),
            ("a/**", "ab/c", false),
            ("v?.yaml", "v1.yaml", true),
            ("v?.yaml", "v/.yaml", false),
            ("v[12].yaml", "v2.yaml", true),
            ("v[!12].yaml", "v2.yaml", false),
            ("env/{dev,prod}/x", "env/prod/x", true),
            ("env/{dev,prod}/x", "env/test/x", false),
            ("values{,-*}.yaml", "values.yaml", true),
            ("a b/*'\"ü.yaml", "a b/1'\"ü.yaml", true),
            ("*", ".hidden", true),
        ];
        for (spec, path, want) in table {
            let spec: FileSpec = spec.parse().unwrap();
            assert_eq!(spec.matches(path), want, "{spec} {path}");
        }
        assert!(!"a/b".parse::<FileSpec>().unwrap().is_glob());
        assert!("a/*".parse::<FileSpec>().unwrap().is_glob());
    }

    #[test]
    fn what_names_no_file() {
        for bad in ["", "/etc/*", "../*", "a/../*.yaml", ".git/*", "a[", "{a,b", "a\\*", "a//b"] {
            let error = bad.parse::<FileSpec>().unwrap_err().to_string();
            assert!(error.contains("names no file"), "{error}");
        }
        assert!("*".repeat(501).parse::<FileSpec>().is_err());
    }
}
