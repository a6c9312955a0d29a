//! Paths inside a repository, and names of Git revisions.

use crate::git::check_name;

/// A path below the repository's (or context's) root, without `.` parts: `./a//b/` is `a/b`.
pub(super) fn relative(path: &str) -> Result<String, String> {
    if path.starts_with('/') {
        return Err(format!(
            "{} is absolute; write it relative to the repository",
            super::node::quoted(path)
        ));
    }
    if path.contains('\\') {
        return Err("holds a backslash; separate directories with `/`".into());
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("`..` would leave the directory".into());
    }
    if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Err("`.git` holds the repository itself and cannot be used".into());
    }
    Ok(parts.join("/"))
}

/// A relative path that names a file, not the root.
pub(super) fn file(path: &str) -> Result<String, String> {
    match relative(path)? {
        file if file.is_empty() || path.ends_with('/') => Err("names a directory; expected a file".into()),
        file => Ok(file),
    }
}

/// A branch, a tag, a full ref or a commit, by the rules of git-check-ref-format(1).
pub(super) fn revision(name: &str) -> Result<String, String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    let problem = if let Some(found) = name.chars().find(|&c| odd(c)) {
        format!("`{}` is not allowed in the name of a branch, a tag or a commit", found.escape_debug())
    } else if name.starts_with('-') {
        "must not begin with `-`".into()
    } else if name.contains("..") || name.contains("@{") || name.contains("//") {
        "must not contain `..`, `//` or `@{`".into()
    } else if name.starts_with('/') || name.ends_with(['/', '.']) || name.ends_with(".lock") {
        "must not begin with `/`, nor end with `/`, `.` or `.lock`".into()
    } else {
        // The room `git` has the same rule. The checks above give a clearer message.
        return check_name(name).map(|()| name.to_owned()).map_err(str::to_owned);
    };
    Err(problem)
}

/// A branch's short name. `refs/heads/main`, as in webhooks, becomes `main`.
pub(super) fn branch(name: &str) -> Result<String, String> {
    let short = name.strip_prefix("refs/heads/").unwrap_or(name);
    match short {
        "" | "HEAD" => Err("names no branch".into()),
        _ if short.starts_with("refs/") => Err("is not a branch".into()),
        _ => revision(short),
    }
}
