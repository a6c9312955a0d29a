//! Classifies the error texts of a server where no status code exists: `ERR` packets, side band 3, and standard error
//! over ssh.
//!
//! Most of these texts are the server's own trouble (`fork failed`, `out of memory`, `hung up`), and are temporary.
//! Only texts that are known to be the user's fault count as that: a missing right, a wrong name, a missing object.

use super::error::{GitError, is_not_our_ref};
use crate::text::quoted;

/// The texts for an archived repository.
const ARCHIVED: [&str; 1] = ["archived"];

/// The texts for a repository that does not exist or that this login may not see: Git, Gitea, GitHub, GitLab,
/// Bitbucket.
const MISSING: [&str; 6] = [
    "not found",
    "not exported",
    "does not appear to be a git repository",
    "does not exist",
    "cannot find",
    "could not be found",
];

/// The texts for a login without the right.
const FORBIDDEN: [&str; 11] = [
    "denied",
    "permission",
    "not allowed",
    "not permitted",
    "unauthorized",
    "not authorized",
    "forbidden",
    "read only",
    "read-only",
    "suspended",
    "saml sso",
];

/// The hint for a login without the right, where it is not known how the login was given.
const RIGHTS: &str = "give the login access to the repository (to push: write access)";

/// The error for a server's text.
pub(super) fn refusal(repo: String, action: &'static str, said: String) -> GitError {
    refusal_of(repo, action, said, RIGHTS)
}

/// The same, with a specific hint for a login without the right.
pub(super) fn refusal_of(repo: String, action: &'static str, said: String, hint: &'static str) -> GitError {
    if is_not_our_ref(&said) {
        return GitError::Remote { repo, said };
    }
    let lower = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&ARCHIVED) {
        GitError::Archived { repo }
    } else if says(&MISSING) {
        GitError::NotFound { repo, said: quoted(&said) }
    } else if says(&FORBIDDEN) {
        GitError::Forbidden { repo, action, hint, said: quoted(&said) }
    } else {
        GitError::Remote { repo, said }
    }
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use crate::git::GitError;
    use crate::outcome::Fault;

    #[test]
    fn words_of_servers_by_whose_turn_it_is() {
        let of = |said: &str| refusal("r".to_owned(), "read", said.to_owned());
        for said in [
            "upload-pack: not our ref 1111",
            "want 1111 not valid",
            "TF401035: The object '1111' does not exist.",
        ] {
            assert!(of(said).is_not_our_ref() && of(said).fault() == Fault::User, "{said}");
        }
        for said in [
            "access denied or repository not exported: /a",
            "The project you were looking for could not be found or you don't have permission to view it.",
            "Repository not found.",
            "TF401019: The Git repository with name or identifier a does not exist",
        ] {
            assert!(matches!(of(said), GitError::NotFound { .. }), "{said}");
        }
        for said in [
            "The key you are authenticating with has been marked as read only.",
            "You are not allowed to upload code.",
            "Your account is suspended.",
        ] {
            assert!(matches!(of(said), GitError::Forbidden { .. }), "{said}");
        }
        for said in [
            "fatal: out of memory, malloc failed",
            "upload-pack: git-pack-objects died with error.",
            "aborting due to possible repository corruption on the remote side.",
            "remote hung up unexpectedly",
            "GitLab is currently unable to handle this request due to load.",
            "You have exceeded a rate limit",
            "a hook that nobody knows",
        ] {
            assert_eq!(of(said).fault(), Fault::Transient, "{said}");
        }
    }
}
