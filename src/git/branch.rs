//! Names of branches.

/// A branch's name as servers list it.
pub(crate) fn full_name(branch: &str) -> String {
    format!("refs/heads/{}", short_name(branch))
}

/// A branch's name as people say it.
pub(crate) fn short_name(branch: &str) -> &str {
    branch.strip_prefix("refs/heads/").unwrap_or(branch)
}
