//! The full name of a repository.

use super::problem::quoted;
use crate::git::RepoUrl;
use crate::text::unescaped;

/// The last two names of a repository's path, which forges call its full name.
pub(super) fn full_name(url: &RepoUrl) -> Result<String, String> {
    let path = unescaped(url.path()).unwrap_or_else(|| url.path().to_owned());
    let path = path.trim_matches('/');
    let names: Vec<_> =
        path.strip_suffix(".git").unwrap_or(path).split('/').filter(|name| !name.is_empty()).collect();
    let [.., owner, name] = names.as_slice() else {
        return Err(
            "names a repository without an owner; a forge's repository is `https://host/owner/name.git`"
                .to_owned(),
        );
    };
    let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match [owner, name].iter().find(|part| !part.chars().all(known)) {
        None => Ok(format!("{owner}/{name}")),
        Some(odd) => Err(format!(
            "{} is no name that a forge gives an owner or a repository; write letters, digits, `.`, `_` and `-`",
            quoted(odd)
        )),
    }
}
