//! From what a user calls a revision to a commit, proven with the user's own login against the server.
//!
//! A shared buildkitd hands a commit that it once fetched to anyone who names it, so the proof is ours to make: the
//! server itself has to serve the commit to this caller, now, whatever it lists (see [`super::proof`]).

use super::advert::{Ref, is_oid};
use super::error::GitError;
use super::proof::{Commit, Part, Shown, prove};
use super::transport::Session;

/// A commit that the server showed to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The commit: 40 hex digits, or 64 in a SHA-256 repository.
    pub sha: String,
    /// The full name of the ref that named it; `None` when the revision was a SHA.
    pub reference: Option<String>,
}

/// The same, with what the server showed of the commit.
pub(super) struct Proven {
    pub(super) commit: Commit,
    pub(super) reference: Option<String>,
}

/// Resolves `revision` over `session`, proving it by `part` of the commit.
pub(super) async fn resolve(session: &mut Session, revision: &str, part: Part) -> Result<Proven, GitError> {
    let repo = session.repo.clone();
    let error = |why: &str| GitError::Revision {
        repo: repo.clone(),
        revision: super::text::tidy(revision.as_bytes()),
        why: why.to_owned(),
    };
    check_name(revision).map_err(error)?;
    let lower = revision.to_ascii_lowercase();
    if is_oid(&lower) {
        return prove_commit(session, lower, part, error).await;
    }
    let names = candidates(revision);
    let prefixes: Vec<_> = names.iter().map(String::as_str).collect();
    let refs = session.refs(&prefixes).await?;
    if let Some(found) = names.iter().find_map(|name| refs.iter().find(|r| r.name == *name)) {
        let reference = found.symref.clone().unwrap_or_else(|| found.name.clone());
        // What an annotated tag points to says the tag, not the list.
        let commit = proven(session, &found.oid, part, error).await?;
        return Ok(Proven { commit, reference: Some(reference) });
    }
    Err(missing(session, revision, error).await?)
}

/// The full names that `revision` may mean, first match wins: itself when it is full, else branch, tag, then `refs/…`.
///
/// A branch wins over a tag of the same name, as in `git clone --branch` and BuildKit (`source/git/source.go`), though
/// not in `git rev-parse`; write `refs/tags/…` to mean the tag.
pub(super) fn candidates(revision: &str) -> Vec<String> {
    if revision == "HEAD" || revision.starts_with("refs/") {
        return vec![revision.to_owned()];
    }
    ["refs/heads/", "refs/tags/", "refs/"].iter().map(|p| format!("{p}{revision}")).collect()
}

/// Git's rules for a ref's name (`git check-ref-format`), so that nothing else reaches the wire.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty; give a branch, a tag or a commit's 40 hex digits");
    }
    let full = name == "HEAD" || name.starts_with("refs/");
    let full = if full { name.to_owned() } else { format!("refs/heads/{name}") };
    let odd = |c: char| c.is_control() || c.is_whitespace();
    // libgit2 knows Git's rules; the rest would be an option to some program, or is too long for any server.
    let refused = name.contains(odd) || name.starts_with('-') || name.len() > 1000;
    if refused || !git2::Reference::is_valid_name(&full) {
        return Err(
            "this is not a name of a branch, tag or commit; expressions such as `main~1` are not supported; give a name or all 40 hex digits",
        );
    }
    Ok(())
}

/// Has the server serve the commit `sha`. The id of an annotated tag's object passes too: its commit is served with it.
async fn prove_commit(
    session: &mut Session,
    sha: String,
    part: Part,
    error: impl Fn(&str) -> GitError,
) -> Result<Proven, GitError> {
    let digits = if session.advert.object_format() == "sha256" { 64 } else { 40 };
    if sha.len() != digits {
        return Err(error(&format!("a commit of this repository has {digits} hex digits; give all of them")));
    }
    let commit = proven(session, &sha, part, error).await?;
    // The id of a tag's object stays: whoever named it pinned that.
    Ok(Proven { commit: Commit { sha, ..commit }, reference: None })
}

/// The commit that `id` names, served by the server.
async fn proven(
    session: &mut Session,
    id: &str,
    part: Part,
    error: impl Fn(&str) -> GitError,
) -> Result<Commit, GitError> {
    match prove(session, id, part).await {
        Ok(Shown::Commit(commit)) => Ok(commit),
        Ok(Shown::Not(why)) => Err(error(why)),
        Err(e) if e.is_not_our_ref() => Err(error(
            "the server does not show this commit to this login; check that it was pushed, and to this repository",
        )),
        Err(e) => Err(e),
    }
}

/// Why no ref matched: an empty repository, a short SHA, or a wrong name.
async fn missing(
    session: &mut Session,
    revision: &str,
    error: impl Fn(&str) -> GitError,
) -> Result<GitError, GitError> {
    let refs = session.refs_below(&["HEAD", "refs/heads/", "refs/tags/"]).await?;
    if refs.is_empty() {
        return Ok(GitError::Empty { repo: session.repo.clone() });
    }
    if revision.len() >= 7 && revision.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(error("no such branch or tag; if this is a shortened commit SHA, give all 40 hex digits"));
    }
    Ok(error(&format!("no such branch or tag{}", near(&refs, revision))))
}

/// `; did you mean …?`, or which branches there are.
pub(crate) fn near(refs: &[Ref], name: &str) -> String {
    let short = |r: &Ref| {
        let name = r.name.strip_prefix("refs/heads/").or_else(|| r.name.strip_prefix("refs/tags/"))?;
        Some(super::text::tidy(name.as_bytes()))
    };
    let names: Vec<_> = refs.iter().filter_map(short).collect();
    super::names::suggest(&names, name)
}

#[cfg(test)]
mod tests {
    use super::{candidates, check_name};

    #[test]
    fn names() {
        for good in ["main", "feature/x", "v1.2.3", "refs/heads/main", "HEAD", "pull/3/head", "a-b_c@d"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "", "a b", "a..b", "a~1", "a^", "a:b", "x@{1}", "-x", "a/", "/a", "a//b", "a.lock", ".a", "a\n",
            "a.",
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_branch_comes_before_a_tag() {
        assert_eq!(candidates("x"), ["refs/heads/x", "refs/tags/x", "refs/x"]);
        assert_eq!(candidates("refs/tags/x"), ["refs/tags/x"]);
        assert_eq!(candidates("HEAD"), ["HEAD"]);
    }
}
