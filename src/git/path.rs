//! Paths within a repository.

/// Checks that a path can name a file in a repository; the error says why not.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("the path is empty; name a file");
    }
    if path.starts_with('/') {
        return Err("give the path from the repository's root, without a leading `/`");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err(
            "the path contains a control character or a backslash; write it with `/`, as Git lists it",
        );
    }
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
    if path.split('/').any(odd) {
        return Err(
            "the path must not contain `.`, `..`, `.git` or an empty part; write it as Git lists it (`git ls-files`)",
        );
    }
    Ok(())
}
