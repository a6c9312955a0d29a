//! Files in Git LFS. BuildKit's git has no filters (`util/gitutil/git_cli.go` disables all configuration), so a build
//! gets a pointer for each file, a text of three lines.
//!
//! This module only names them in a note. Fetching them would send the data of whole images through this process, because the
//! daemon reads its sources itself and has no LFS source.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::buildkit::Ignore;
use crate::git::{EntryType, GitError, Pointers, Snapshot};
use crate::text;
use crate::time_limits::within;

/// How long a build waits for this check.
const LOOK: Duration = Duration::from_secs(5);

/// The largest number of file names in the note.
const TOLD: usize = 10;

/// The attribute in `.gitattributes` that assigns files to LFS.
const FILTER: &str = "filter=lfs";

/// Adds a note about the files that a build gets as pointers, if there are any. `at` is the path in the context of the
/// commit's directory `base`.
pub(super) async fn note(
    snapshot: &mut Snapshot,
    base: &str,
    at: &str,
    ignore: Option<&Arc<Ignore>>,
) -> Result<Option<String>, GitError> {
    if !uses_lfs(snapshot, base).await? {
        snapshot.shrink();
        return Ok(None);
    }
    let ignore = ignore.cloned();
    let above = if at.is_empty() { String::new() } else { format!("{at}/") };
    let wanted =
        move |path: &str| !ignore.as_ref().is_some_and(|ignore| ignore.excludes(&format!("{above}{path}")));
    let found = snapshot.pointers(base, TOLD, wanted).await?;
    snapshot.shrink();
    Ok(told(at, &found))
}

/// Runs `look` with a short time limit. Its errors do not fail the build.
pub(super) async fn within_reason(look: impl Future<Output = Result<(), GitError>>) {
    let unknown =
        |why: &dyn std::fmt::Display| warn!("it is not known which files are kept in Git LFS: {why}");
    match within(LOOK, "its server", look).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => unknown(&error),
        Err(late) => unknown(&late),
    }
}

fn told(at: &str, found: &Pointers) -> Option<String> {
    let shown =
        |path: &String| format!("`{}`", text::brief(format!("{at}/{path}").trim_start_matches('/'), 200));
    let names: Vec<_> = found.paths.iter().map(shown).collect();
    let more = match found.count - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (found.count > 0).then(|| {
        format!(
            "BuildKit fetches nothing from Git LFS, so the context has pointers in place of {}{more}; have the Dockerfile \
             fetch what it needs of them, or leave them out by `.dockerignore`",
            names.join(", ")
        )
    })
}

/// Whether the attributes of the directory `base`, or of a parent directory, assign files to LFS.
async fn uses_lfs(snapshot: &mut Snapshot, base: &str) -> Result<bool, GitError> {
    let above = base.match_indices('/').map(|(at, _)| &base[..at]);
    let directories: Vec<_> = std::iter::once("").chain(above).chain([base]).collect();
    for directory in directories {
        let Some(found) = snapshot.find(directory, ".gitattributes", false).await? else { continue };
        if found.entry_type == EntryType::File && has_filter(&snapshot.file(&found).await?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_filter(attributes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(attributes);
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.any(|line| line.split_whitespace().skip(1).any(|word| word == FILTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_that_give_files_to_lfs_are_told_from_others() {
        for text in ["*.bin filter=lfs diff=lfs merge=lfs -text", "* text\r\na\tfilter=lfs\r\n"] {
            assert!(has_filter(text.as_bytes()), "{text}");
        }
        for text in
            ["", "* text=auto", "# *.bin filter=lfs", "*.bin -filter", "*.bin filter=lfsx", "filter=lfs text"]
        {
            assert!(!has_filter(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn some_pointers_are_named_and_the_others_counted() {
        let found = |paths: &[&str], count| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            told("lib", &Pointers { paths, count })
        };
        assert_eq!(found(&[], 0), None);
        let text = found(&["a", "b\u{1b}"], 5).unwrap_or_default();
        assert!(text.contains("in place of `lib/a`, `lib/b") && text.contains("` and 3 more; "), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
