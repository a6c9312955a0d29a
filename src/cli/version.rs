//! What `--version` prints.

use std::sync::LazyLock;

use crate::buildkit;

/// The commit that was compiled, where the build named it (deploy/Dockerfile does). It is no part of the sources, so that a
/// tarball without a repository compiles to the same bytes.
const COMMIT: Option<&str> = option_env!("ARGO_BUILDKIT_COMMIT");

static LONG: LazyLock<String> = LazyLock::new(|| text(COMMIT));

/// The version, the commit and BuildKit's API, each on a line of its own.
pub(super) fn long() -> &'static str {
    &LONG
}

fn text(commit: Option<&str>) -> String {
    let commit = commit.filter(|commit| !commit.is_empty()).unwrap_or("unknown");
    format!("{}\ncommit: {commit}\nBuildKit API: {}", env!("CARGO_PKG_VERSION"), buildkit::API)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_build_that_names_no_commit_says_so() {
        assert!(text(Some("0123abc")).contains("\ncommit: 0123abc\n"));
        for none in [None, Some("")] {
            assert!(text(none).contains("\ncommit: unknown\n"), "{none:?}");
        }
    }
}
