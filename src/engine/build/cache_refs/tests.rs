#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::commit_names::{StepCommit, is_asked, without_commit};
use super::*;
use crate::step::Step;

const COMMIT: &str = "5e8e821a10c2f3b1d8b0a4c5e6f708192a3b4c5d";

fn build(cache: Value, platforms: &str) -> Build {
    let context = json!({"repo": "https://git.example/a", "revision": COMMIT});
    let fields =
        json!({"context": context, "tags": "reg.example/a:1", "cache": cache, "platforms": platforms});
    match crate::step::parse(&json!({ "build": fields })).unwrap() {
        Step::Build(build) => *build,
        other => panic!("{other:?}"),
    }
}

/// The names of the caches that a build of `full` reads for itself and writes.
fn caches(build: &Build, full: &str) -> (Vec<String>, Vec<String>) {
    caches_of(build, full, false)
}

fn caches_of(build: &Build, full: &str, by_platform: bool) -> (Vec<String>, Vec<String>) {
    let default_branch = Some("refs/heads/main".to_owned());
    let refs = CommitNames { default_branch, name: Some(GitName::of(full)) };
    let refs = refs.refs(build, None, by_platform);
    let read = refs.own.iter().map(|target| target.cache.image.to_string());
    let written = refs.to.iter().map(|target| target.cache.image.to_string());
    (read.collect(), written.collect())
}

#[test]
fn a_branch_has_a_cache_and_reads_the_default_branchs() {
    let by_branch = build(json!({"from": "c.example/a", "to": {"ref": "c.example/a", "when": "branch"}}), "");
    let main = vec!["c.example/a:main".to_owned()];
    assert_eq!(caches(&by_branch, "refs/heads/main"), (main.clone(), main.clone()));
    let both = vec!["c.example/a:dev".to_owned(), "c.example/a:main".to_owned()];
    assert_eq!(caches(&by_branch, "refs/heads/dev"), (both, vec!["c.example/a:dev".to_owned()]));
    for other in ["refs/tags/v1", "refs/pull/1/head"] {
        assert_eq!(caches(&by_branch, other), (main.clone(), vec![]), "{other}");
    }
    let unread = build(json!({"to": {"ref": "c.example/a", "when": "branch"}}), "");
    assert_eq!(caches(&unread, "refs/heads/dev"), (vec![], vec!["c.example/a:dev".to_owned()]));
    let tagged =
        build(json!({"from": "c.example/a:x", "to": {"ref": "c.example/a:x", "when": "branch"}}), "");
    assert_eq!(caches(&tagged, "refs/heads/dev"), (vec![], vec!["c.example/a:x".to_owned()]));
    assert_eq!(caches(&tagged, "refs/tags/v1"), (vec![], vec![]));
}

#[test]
fn several_platforms_have_a_cache_each() {
    let cache = json!({"from": "c.example/a", "to": {"ref": "c.example/a", "when": "branch"}});
    let two = build(cache, "linux/amd64,linux/arm64");
    let names = ["c.example/a:main..linux-amd64", "c.example/a:main..linux-arm64"].map(str::to_owned);
    assert_eq!(caches(&two, "refs/heads/main"), (names.to_vec(), names.to_vec()));
    let refs = CommitNames { default_branch: None, name: Some(GitName::of("refs/heads/main")) };
    let platforms: Vec<_> =
        refs.refs(&two, None, false).to.into_iter().filter_map(|to| to.platform).collect();
    assert_eq!(platforms, two.platforms);
}

/// Their solves would write over each other's cache.
#[test]
fn platforms_that_are_built_one_by_one_have_a_cache_each() {
    let of = |tag: &str| ["amd64", "arm64"].map(|arch| format!("c.example/a:{tag}..linux-{arch}"));
    let platforms = "linux/amd64,linux/arm64";
    let two = build(json!({"from": "c.example/a:x,c.example/b:y", "to": "c.example/a:x"}), platforms);
    assert_eq!(caches_of(&two, "refs/heads/main", true), (of("x").to_vec(), of("x").to_vec()));
    let names = |by_platform| {
        let named = named(&two.cache, by_platform).into_iter();
        named.map(|cache| cache.image.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), ["c.example/a:x", "c.example/b:y"]);
    assert_eq!(names(true), ["c.example/b:y"]);
    // A pull request writes its own caches, and reads the shared ones too.
    let (read, written) = caches_of(&two, "refs/pull/1/head", true);
    assert!(written.iter().all(|cache| cache.starts_with("c.example/a:x-pull-1-head..")), "{written:?}");
    assert_eq!((read.len(), &read[..2], &read[2..]), (4, &written[..], &of("x")[..]));
    // Those of branches are the same, whichever daemons build.
    let cache = json!({"from": "c.example/a", "to": {"ref": "c.example/a", "when": "branch"}});
    let branch = build(cache, platforms);
    assert_eq!(caches_of(&branch, "refs/heads/dev", true), caches(&branch, "refs/heads/dev"));
    let unread = build(json!({"to": "c.example/a:x"}), platforms);
    assert_eq!(caches_of(&unread, "refs/heads/main", true), (vec![], of("x").to_vec()));
}

#[test]
fn a_commit_is_of_no_branch_unless_the_step_says_so() {
    let cache = |when: &str, git_ref: &str| {
        build(json!({"to": {"ref": "c.example/a", "when": when}, "git-ref": git_ref}), "")
    };
    for git_ref in ["", COMMIT] {
        let build = cache("branch", git_ref);
        assert!(StepCommit::of(&build).git_ref.is_none());
        let names = CommitNames { default_branch: None, name: StepCommit::of(&build).unasked() };
        let refs = names.refs(&build, None, false);
        assert!(refs.to.is_empty() && refs.note.is_some_and(|note| note.contains("`cache.git-ref`")));
    }
    // Without a word about the commit, the cache is written as the step says.
    let build = cache("changed", "");
    let names = CommitNames { default_branch: None, name: StepCommit::of(&build).unasked() };
    assert_eq!(names.refs(&build, None, false).to[0].cache.image.to_string(), "c.example/a:latest");
}

#[test]
fn the_server_is_asked_only_for_what_only_it_knows() {
    for (when, tag, git_ref, asked) in [
        ("changed", "", "", false),
        ("changed", "", "refs/pull/1/head", false),
        ("always", "", "refs/heads/main", false),
        ("changed", "", "main", true),
        ("branch", "", "", true),
        ("branch", ":x", "", false),
        ("branch", ":x", "refs/heads/main", true),
    ] {
        let to = json!({"ref": format!("c.example/a{tag}"), "when": when});
        let build = build(json!({"to": to, "git-ref": git_ref}), "");
        let is_asked = is_asked(build.cache.to.as_ref().unwrap(), &StepCommit::of(&build));
        assert_eq!(is_asked, asked, "{when} {tag} {git_ref}");
    }
}

/// A pull request's build, whatever the step says and the server answers.
#[test]
fn what_nobody_has_reviewed_writes_no_cache_that_others_read() {
    let names = |when: &str, tag: &str| {
        let name = format!("c.example/a{tag}");
        build(json!({"from": name, "to": {"ref": name, "when": when}}), "")
    };
    for (when, tag) in
        [("changed", ""), ("always", ""), ("changed", ":pr-1"), ("branch", ":x"), ("branch", "")]
    {
        let build = names(when, tag);
        let mut trusted: Vec<_> = build.cache.from.iter().map(|from| from.image.to_string()).collect();
        for name in ["main", "dev", "pr-1", "pull/1/head", "latest-pull-1-head", "latest"] {
            let (read, written) = caches(&build, &format!("refs/heads/{name}"));
            trusted.extend(read.into_iter().chain(written));
        }
        for pull in ["refs/pull/1/head", "refs/pull/1/merge", "refs/merge-requests/1/head", "refs/for/main"] {
            let (read, written) = caches(&build, pull);
            assert_eq!(written.len(), usize::from(when != "branch"), "{when} {tag} {pull}");
            assert!(written.iter().all(|cache| !trusted.contains(cache)), "{written:?} {trusted:?}");
            if when != "branch" {
                assert_eq!(read, written, "it reads what it wrote");
            }
        }
    }
    // The branch of a fork has the name of one of ours.
    let forged = names("always", "");
    let name = Some(without_commit(CacheWhen::Always, "main", COMMIT));
    let refs = CommitNames { default_branch: None, name }.refs(&forged, None, false);
    assert!(refs.to[0].cache.image.to_string().starts_with("c.example/a:latest-main.."));
    // The server did not answer, and a short name could be a pull request's.
    let silent = build(json!({"to": "c.example/a", "git-ref": "pull/1/head"}), "");
    let to = silent.cache.to.clone().unwrap();
    let name = StepCommit::of(&silent).unanswered(&to, "away".to_owned());
    let refs = CommitNames { default_branch: None, name }.refs(&silent, None, false);
    assert_ne!(refs.to[0].cache.image.to_string(), "c.example/a:latest");
}
