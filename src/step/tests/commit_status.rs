//! The fields of `commit-status`.

use super::{parse, parsed, with};
use crate::forge::{Dialect, StatusState};
use crate::step::commit_status::{WantedStatus, is_own_context, own_context};
use crate::step::{MentionKind, Step};

fn wanted(fields: &str) -> Result<WantedStatus, String> {
    match parse(&with("commit-status", fields)) {
        Ok(Step::CommitStatus(status)) => Ok(status.wanted.unwrap()),
        Ok(other) => panic!("{other:?}"),
        Err(invalid) => Err(invalid.to_string()),
    }
}

#[test]
fn states_are_those_of_the_forges_and_of_argo() {
    for (word, state) in [
        ("pending", StatusState::Pending),
        ("success", StatusState::Success),
        ("failure", StatusState::Failure),
        ("error", StatusState::Error),
        ("Running", StatusState::Pending),
        ("Pending", StatusState::Pending),
        ("Succeeded", StatusState::Success),
        ("Failed", StatusState::Failure),
        ("Error", StatusState::Error),
    ] {
        assert_eq!(wanted(&format!("state: {word}")).unwrap().state, state);
    }
}

#[test]
fn what_is_not_written_has_a_default_or_is_derived() {
    let plain = wanted("").unwrap();
    assert_eq!((plain.context, plain.url, plain.link_package), (None, None, None));
    assert_eq!((plain.repository.dialect(), plain.description.as_str()), (Dialect::Gitea, ""));
    let full = wanted(
        "commit: DA39A3EE5E6B4B0D3255BFEF95601890AFD80709, context: 'shop/unit tests', description: \"a\\nb\", \
         url: 'https://ci.example/run?id=1', forge: {kind: github, url: 'https://git.example/api/v3/'}, \
         link-package: 'git.example/shop/api:1'",
    )
    .unwrap();
    assert_eq!(full.commit, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_eq!(full.context.as_deref(), Some("shop/unit tests"));
    assert_eq!(full.api.as_deref(), Some("https://git.example/api/v3"));
    assert_eq!(full.repository.dialect(), Dialect::GitHub);
    assert_eq!(wanted("forge: github").unwrap().repository.dialect(), Dialect::GitHub);
    assert_eq!(wanted("repo: 'git@github.com:shop/api.git'").unwrap().repository.dialect(), Dialect::GitHub);
}

#[test]
fn a_step_that_is_off_needs_nothing() {
    for body in [
        "commit-status: {enabled: false}",
        "commit-status: {enabled: 'false', repo: '', commit: '', state: '', secret: ''}",
        "commit-status: {enabled: false, repo: 'https://git.example/shop/api', secret: forge, state: error, \
         commit: da39a3ee5e6b4b0d3255bfef95601890afd80709}",
    ] {
        let Ok(Step::CommitStatus(off)) = parsed(body) else { panic!("{body}") };
        assert_eq!((off.wanted, off.ignore_error), (None, false), "{body}");
    }
    let Ok(Step::CommitStatus(on)) = parse(&with("commit-status", "ignore-error: 'true'")) else {
        panic!("on")
    };
    assert!(on.ignore_error && on.wanted.is_some());
}

#[test]
fn what_is_no_status_is_refused() {
    let (long, longer) = ("x".repeat(256), format!("https://ci.example/{}", "x".repeat(2000)));
    for (fields, why) in [
        ("repo: ''", "commit-status.repo: is empty"),
        (
            "repo: 'https://git.example/api'",
            "commit-status.repo: is not on a forge: the repository URL does not name",
        ),
        ("secret: null", "commit-status.secret: is empty"),
        ("secret: 'ghp 0123'", "commit-status.secret: is not the name of a Secret"),
        ("commit: main", "commit-status.commit: is not a commit's 40 hex digits"),
        ("commit: ''", "commit-status.commit: is empty"),
        ("state: succes", "commit-status.state: \"succes\" is not one of `pending`, `success`"),
        ("state: warning", "\"warning\" is not one of"),
        ("state: skipped", "\"skipped\" is not one of"),
        ("context: ' ci'", "commit-status.context: must not have spaces at an end"),
        ("context: \"ci\u{200b}/build\"", "must not have spaces at an end, or characters that nobody sees"),
        (&format!("context: {long}"), "is 256 characters long; at most 255"),
        ("url: 'javascript:alert(1)'", "commit-status.url: is not an http(s) address"),
        (
            "url: 'https://a:b@ci.example'",
            "commit-status.url: must not hold a login; write the address without it",
        ),
        ("url: ci.example", "commit-status.url: is not a URL"),
        (&format!("url: '{longer}'"), "bytes long; at most 2000"),
        ("forge: gitlab", "commit-status.forge: \"gitlab\" is not one of `gitea`, `github`"),
        ("forge: {url: 'https://a:b@git.example'}", "commit-status.forge.url: must not hold a login"),
        (
            "forge: {url: 'https://git.example/api?x=1'}",
            "commit-status.forge: the forge's API URL is not usable",
        ),
        ("forge: {secret: other}", "commit-status.forge.secret: unknown field"),
        ("link-package: 'git.example/Shop/api'", "commit-status.link-package: "),
        ("target-url: 'https://ci.example'", "commit-status.target-url: unknown field"),
        ("sha: abc", "commit-status.sha: unknown field"),
    ] {
        let said = wanted(fields).unwrap_err();
        assert!(said.contains(why), "{fields}: {said}");
        assert!(!said.contains("ghp") && !said.contains("a:b"), "{said}");
    }
}

#[test]
fn a_policy_sees_the_repository_the_api_the_check_and_the_package() {
    let fields = "context: ci/build, forge: {url: 'https://api.git.example/v1'}, link-package: 'git.example/shop/api:1'";
    let step = parse(&with("commit-status", fields)).unwrap();
    let mentions: Vec<_> =
        step.mentions().into_iter().map(|mention| (mention.kind, mention.written)).collect();
    let expected = [
        (MentionKind::Repositories, "https://git.example/shop/api.git"),
        (MentionKind::Forges, "https://api.git.example/v1"),
        (MentionKind::Contexts, "ci/build"),
        (MentionKind::Push, "git.example/shop/api"),
    ];
    assert_eq!(mentions, expected.map(|(kind, written)| (kind, written.to_owned())));
}

#[test]
fn the_contexts_of_a_namespace_are_its_own() {
    assert!(is_own_context(&own_context("team-a"), "team-a"));
    for (context, is_own) in [
        ("argo-buildkit/team-a/api", true),
        ("argo-buildkit/team-a/", true),
        ("argo-buildkit/team-ab", false),
        ("argo-buildkit/team-b", false),
        ("argo-buildkit", false),
        ("ARGO-BUILDKIT/team-a", false),
        ("x/argo-buildkit/team-a", false),
    ] {
        assert_eq!(is_own_context(context, "team-a"), is_own, "{context}");
    }
}

/// For the corpus.
pub(super) const TESTS: &[fn()] = &[
    states_are_those_of_the_forges_and_of_argo,
    what_is_not_written_has_a_default_or_is_derived,
    a_step_that_is_off_needs_nothing,
    what_is_no_status_is_refused,
    a_policy_sees_the_repository_the_api_the_check_and_the_package,
    the_contexts_of_a_namespace_are_its_own,
];
