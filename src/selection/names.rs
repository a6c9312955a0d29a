//! Names that follow from a service and a commit: of its Workflow, of its line, and of the image of a tag or a pull request.
//!
//! A Sensor makes the same names with a template (docs/events.md), so a Workflow that a Sensor, `select` and `poll` ask
//! for is made once.

use sha1::{Digest as _, Sha1};

use super::GitRef;

/// The label with the service's name on its Workflows.
pub const LABEL: &str = "argo-buildkit.io/service";

/// The label with the repository of a Workflow that decides about a push for several services.
pub const REPOSITORY_LABEL: &str = "argo-buildkit.io/repository";

/// The annotation with the id of the hook's delivery that a Sensor made a Workflow of. It is the id of the Workflow's trace.
pub const DELIVERY_ANNOTATION: &str = "argo-buildkit.io/delivery";

/// The label with the line of a Workflow. Of the Workflows of one line, a newer one may end the older ones (`supersede`).
pub const LINE_LABEL: &str = "argo-buildkit.io/line";

/// The most bytes of a service's name. With `-prNUMBER-` and the commit, 63 bytes remain enough, so the name is also
/// valid as a label's value.
pub const LONGEST_SERVICE: usize = 36;

/// Hexadecimal digits of the commit in a name.
const COMMIT: usize = 12;
/// Hexadecimal digits of a tag's hash in a name.
const TAG: usize = 6;

/// Whether `name` is valid for a service: a DNS label of at most [`LONGEST_SERVICE`] bytes that begins with a letter.
pub fn is_service_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inside = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=LONGEST_SERVICE).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes[bytes.len() - 1] != b'-'
        && bytes.iter().all(inside)
}

/// The name of the Workflow that builds `commit` of `service` for `git_ref`. Several tags may name one commit, and a branch
/// may too, so a tag's name enters as a hash; a branch's name does not, so that a commit is built once for all branches.
pub fn workflow_name(service: &str, git_ref: &GitRef, commit: &str) -> String {
    let commit = short(commit);
    match git_ref {
        GitRef::Tag(_) => {
            let hash = hex::encode(Sha1::digest(git_ref.full_name()));
            format!("{service}-t{}-{commit}", &hash[..TAG])
        }
        GitRef::PullRequest(number) => format!("{service}-pr{number}-{commit}"),
        GitRef::Branch(_) | GitRef::Other(_) => format!("{service}-{commit}"),
    }
}

/// The tag of the image that is built for `git_ref`; empty for a branch, whose images have the commit as their tag.
pub fn image_tag(git_ref: &GitRef, commit: &str) -> String {
    match git_ref {
        GitRef::Tag(name) => name.clone(),
        GitRef::PullRequest(number) => format!("pr-{number}-{}", short(commit)),
        GitRef::Branch(_) | GitRef::Other(_) => String::new(),
    }
}

/// The line of a Workflow that builds `image` from `git_ref` of `repo`, as the bundled templates compute it.
pub fn line(repo: &str, git_ref: &str, image: &str) -> String {
    hex::encode(Sha1::digest(format!("{repo} {git_ref} {image}")))
}

fn short(commit: &str) -> &str {
    crate::text::head(commit, COMMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d";

    #[test]
    fn a_name_follows_from_service_ref_and_commit() {
        for (git_ref, name, tag) in [
            ("refs/heads/main", "api-5e8e821a10c2", ""),
            ("refs/heads/other", "api-5e8e821a10c2", ""),
            // printf %s refs/tags/v1.0.0 | sha1sum
            ("refs/tags/v1.0.0", "api-t4ffb37-5e8e821a10c2", "v1.0.0"),
            ("refs/pull/17/head", "api-pr17-5e8e821a10c2", "pr-17-5e8e821a10c2"),
            ("refs/pull/17/merge", "api-pr17-5e8e821a10c2", "pr-17-5e8e821a10c2"),
            ("refs/pull/017/head", "api-5e8e821a10c2", ""),
            ("refs/notes/x", "api-5e8e821a10c2", ""),
        ] {
            let git_ref = GitRef::parse(git_ref);
            assert_eq!(workflow_name("api", &git_ref, COMMIT), name);
            assert_eq!(image_tag(&git_ref, COMMIT), tag);
        }
    }

    #[test]
    fn a_line_is_what_the_templates_compute() {
        // printf %s 'https://git.example/shop/api.git refs/heads/main reg.example/shop/api' | sha1sum
        assert_eq!(
            line("https://git.example/shop/api.git", "refs/heads/main", "reg.example/shop/api"),
            "0f9bd9b7b3d80fc5776454b38d0b57e9450d1318"
        );
    }

    #[test]
    fn the_longest_name_is_a_label() {
        let service = "a".repeat(LONGEST_SERVICE);
        for git_ref in
            [GitRef::PullRequest(u32::MAX), GitRef::Tag("é".repeat(300)), GitRef::Branch("x".into())]
        {
            let name = workflow_name(&service, &git_ref, COMMIT);
            assert!(name.len() <= 63 && name.is_ascii(), "{name}");
        }
    }

    #[test]
    fn a_service_has_the_name_of_a_dns_label() {
        for good in ["a", "api", "shop-api2"] {
            assert!(is_service_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "1a", "Api", "a.b", "a_b", "ä", "{{x}}", "$(x)", &"a".repeat(37)] {
            assert!(!is_service_name(bad), "{bad}");
        }
    }
}
