//! Names of branches.

/// A branch's full ref name.
pub(crate) fn full_name(branch: &str) -> String {
    format!("refs/heads/{}", short_name(branch))
}

/// A branch's name without `refs/heads/`.
pub(crate) fn short_name(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}
