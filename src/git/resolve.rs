//! Resolves a revision, as a user writes it, to a commit, and proves with the user's own login that the server serves
//! it.
//!
//! A shared buildkitd hands a commit that it once fetched to anyone who names it, so this process has to make the
//! proof: the server itself must serve the commit to this caller, now, whatever it lists (see [`super::proof`]).

use super::advert::{Ref, is_oid};
use super::error::GitError;
use super::proof::{Commit, ProofResult, ProofTrees, prove};
use super::transport::GitSession;

/// A commit that the server served to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The commit's id: 40 hex digits, or 64 in a SHA-256 repository.
    pub sha: String,
    /// The full name of the ref that the revision named; `None` when the revision was a SHA.
    pub reference: Option<String>,
}

/// The same, with the proof.
pub(super) struct Proven {
    pub(super) commit: Commit,
    pub(super) reference: Option<String>,
}

/// Resolves `revision` over `session`. `trees` says which trees are fetched for the proof.
pub(super) async fn resolve(
    session: &mut GitSession,
    revision: &str,
    trees: ProofTrees,
) -> Result<Proven, GitError> {
    let repo = session.repo.clone();
    let error = |why: &str| GitError::Revision {
        repo: repo.clone(),
        revision: super::text::tidy(revision.as_bytes()),
        why: why.to_owned(),
    };
    check_name(revision).map_err(error)?;
    let lower = revision.to_ascii_lowercase();
    if is_oid(&lower) {
        return prove_commit(session, lower, trees, error).await;
    }
    let names = candidates(revision);
    let prefixes: Vec<_> = names.iter().map(String::as_str).collect();
    let refs = session.refs(&prefixes).await?;
    if let Some(found) = names.iter().find_map(|name| refs.iter().find(|r| r.name == *name)) {
        let reference = found.symref.clone().unwrap_or_else(|| found.name.clone());
        // The tag object itself says which commit an annotated tag points to; the server's list is not trusted.
        let commit = proven(session, &found.oid, trees, error).await?;
        return Ok(Proven { commit, reference: Some(reference) });
    }
    Err(missing(session, revision, error).await?)
}

/// The full names that `revision` may mean, in order of priority: itself when it is full, else branch, tag, then
/// `refs/…`.
///
/// A branch wins over a tag of the same name, as in `git clone --branch` and BuildKit (`source/git/source.go`), though
/// not in `git rev-parse`; write `refs/tags/…` to mean the tag.
pub(super) fn candidates(revision: &str) -> Vec<String> {
    if revision == "HEAD" || revision.starts_with("refs/") {
        return vec![revision.to_owned()];
    }
    ["refs/heads/", "refs/tags/", "refs/"].iter().map(|p| format!("{p}{revision}")).collect()
}

/// Checks Git's rules for a ref's name (`git check-ref-format`), so that no other name is sent.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it is empty; give a branch, a tag or a commit's 40 hex digits");
    }
    let full = name == "HEAD" || name.starts_with("refs/");
    let full = if full { name.to_owned() } else { format!("refs/heads/{name}") };
    let odd = |c: char| c.is_control() || c.is_whitespace();
    // libgit2 checks Git's rules. The other conditions refuse names that a program would read as an option, or that
    // are too long for any server.
    let refused = name.contains(odd) || name.starts_with('-') || name.len() > 1000;
    if refused || !git2::Reference::is_valid_name(&full) {
        return Err(
            "this is not a name of a branch, tag or commit; expressions such as `main~1` are not supported; give a name or all 40 hex digits",
        );
    }
    Ok(())
}

/// Proves the commit `sha`. The id of an annotated tag object is accepted too: its commit is served with it.
async fn prove_commit(
    session: &mut GitSession,
    sha: String,
    trees: ProofTrees,
    error: impl Fn(&str) -> GitError,
) -> Result<Proven, GitError> {
    let digits = if session.advert.object_format() == "sha256" { 64 } else { 40 };
    if sha.len() != digits {
        return Err(error(&format!("a commit of this repository has {digits} hex digits; give all of them")));
    }
    let commit = proven(session, &sha, trees, error).await?;
    // The id of a tag object is kept, because the user pinned that id.
    Ok(Proven { commit: Commit { sha, ..commit }, reference: None })
}

/// The commit that `id` names, if the server serves it.
async fn proven(
    session: &mut GitSession,
    id: &str,
    trees: ProofTrees,
    error: impl Fn(&str) -> GitError,
) -> Result<Commit, GitError> {
    match prove(session, id, trees).await {
        Ok(ProofResult::Commit(commit)) => Ok(commit),
        Ok(ProofResult::NotProven(why)) => Err(error(why)),
        Err(e) if e.is_not_our_ref() => Err(error(
            "the server does not show this commit to this login; check that it was pushed, and to this repository",
        )),
        Err(e) => Err(e),
    }
}

/// The error when no ref matched: an empty repository, a short SHA, or a wrong name.
async fn missing(
    session: &mut GitSession,
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

/// `; did you mean …?`, or a list of branches.
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
