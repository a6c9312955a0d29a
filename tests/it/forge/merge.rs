//! Automatic merges after the checks have passed.

use std::time::Duration;

use argo_buildkit::forge::{AutoMerge, Forge, ForgeOptions, MergeMethod, PullRequest};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Bench, protection, refused, wanted};

fn merged_by(method: MergeMethod) -> PullRequest {
    PullRequest { auto_merge: Some(method), ..wanted() }
}

async fn has_branch(bench: &Bench, name: &str) -> bool {
    let branches = bench.call(Method::GET, "/branches", None).await;
    branches.as_array().unwrap().iter().any(|branch| branch["name"] == name)
}

async fn pass(bench: &Bench, state: &str) {
    let path = format!("/statuses/{}", bench.repo.head("deploy").await);
    let status = json!({"state": state, "context": "ci/test"});
    bench.call(Method::POST, &path, Some(status)).await;
}

#[tokio::test]
async fn it_merges_when_the_required_check_has_passed() {
    let bench = Bench::with(&["write:repository"]).await;
    bench.call(Method::POST, "/branch_protections", Some(protection(&["ci/test"]))).await;
    let wanted = merged_by(MergeMethod::Squash);
    let pull = bench.ensure(&wanted).await.unwrap();
    assert_eq!((pull.auto_merge.clone(), pull.warnings.len()), (AutoMerge::Scheduled, 0), "{pull:?}");
    let again = bench.ensure(&wanted).await.unwrap();
    assert_eq!((again.number, again.auto_merge), (pull.number, AutoMerge::Scheduled));
    assert_eq!(bench.pull(pull.number).await["state"], "open");
    pass(&bench, "success").await;
    bench.pull_until(pull.number, |pull| pull["merged"] == true).await;
    assert_eq!(bench.repo.read("main", "values.yaml").await.unwrap(), "tag: 2\n");
    let [tip, ..] = &bench.repo.commits("main").await[..] else { panic!("commits") };
    assert_eq!(tip.parents.len(), 1, "squashed");
    let what = || "the branch to go".to_owned();
    crate::support::net::until(what, super::PATIENCE, async || {
        (!has_branch(&bench, "deploy").await).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_squash_has_our_message_the_newest() {
    let bench = Bench::with(&["write:repository"]).await;
    bench.call(Method::POST, "/branch_protections", Some(protection(&["ci/test"]))).await;
    let mut wanted = merged_by(MergeMethod::Squash);
    let mut number = 0;
    for tag in ["2", "3"] {
        wanted.title = format!("Deploy {tag}");
        wanted.squash_message =
            Some(format!("Deploy {tag}\n\nWhy.\n\nSource-Commit: {tag}{tag}\nImage: api\n"));
        let pull = bench.ensure(&wanted).await.unwrap();
        assert_eq!(pull.auto_merge, AutoMerge::Scheduled);
        number = pull.number;
    }
    pass(&bench, "success").await;
    bench.pull_until(number, |pull| pull["merged"] == true).await;
    let [tip, ..] = &bench.repo.commits("main").await[..] else { panic!("commits") };
    assert_eq!(tip.message.trim(), "Deploy 3\n\nWhy.\n\nSource-Commit: 33\nImage: api");
}

#[tokio::test]
async fn without_a_required_check_it_is_merged_soon() {
    let bench = Bench::with(&["write:repository"]).await;
    let pull = bench.ensure(&merged_by(MergeMethod::Default)).await.unwrap();
    assert!(matches!(pull.auto_merge, AutoMerge::Scheduled | AutoMerge::Merged), "{pull:?}");
    bench.pull_until(pull.number, |pull| pull["merged"] == true).await;
    let [tip, ..] = &bench.repo.commits("main").await[..] else { panic!("commits") };
    assert_eq!(tip.parents.len(), 2, "Gitea's default is a merge commit");
}

#[tokio::test]
async fn a_conflicting_one_stays_open_and_says_so() {
    let bench = Bench::with(&["write:repository"]).await;
    bench.repo.commit_file("main", "values.yaml", "tag: 9\n", "by hand").await;
    let short = ForgeOptions { mergeable_wait: Duration::from_secs(3), ..ForgeOptions::default() };
    let bench = Bench { forge: Forge::new(short).unwrap(), ..bench };
    let pull = bench.ensure(&merged_by(MergeMethod::Merge)).await.unwrap();
    let why = refused(&pull.auto_merge);
    assert!(pull.created && why.contains("`deploy` conflicts with `main`"), "{why}");
    assert_eq!(bench.pull(pull.number).await["mergeable"], false);

    // A push resolves the conflict, and the next call merges.
    bench.repo.commit_file("main", "values.yaml", "tag: 1\n", "back").await;
    let bench = Bench { forge: Forge::new(ForgeOptions::default()).unwrap(), ..bench };
    let again = bench.ensure(&merged_by(MergeMethod::Merge)).await.unwrap();
    assert_eq!((again.number, again.created), (pull.number, false));
    bench.pull_until(pull.number, |pull| pull["merged"] == true).await;
}

#[tokio::test]
async fn a_method_that_the_repository_does_not_allow_is_refused() {
    let bench = Bench::with(&["write:repository"]).await;
    let rules = json!({"has_pull_requests": true, "allow_rebase": false, "allow_merge_commits": false, "allow_squash_merge": true,
        "default_merge_style": "squash"});
    bench.call(Method::PATCH, "", Some(rules)).await;
    for method in [MergeMethod::Rebase, MergeMethod::Merge] {
        let pull = bench.ensure(&merged_by(method)).await.unwrap();
        let why = refused(&pull.auto_merge).to_owned();
        assert!(why.contains("does not allow to merge by"), "{why}");
        assert_eq!(bench.pull(pull.number).await["state"], "open");
    }
    let pull = bench.ensure(&merged_by(MergeMethod::Default)).await.unwrap();
    bench.pull_until(pull.number, |pull| pull["merged"] == true).await;
    let [tip, ..] = &bench.repo.commits("main").await[..] else { panic!("commits") };
    assert_eq!(tip.parents.len(), 1, "squashed: the repository's default");
}

#[tokio::test]
async fn who_may_not_merge_is_told_so() {
    let bench = Bench::with(&["write:repository"]).await;
    let colleague = bench.gitea.user("colleague").await;
    bench.repo.grant(&colleague, "write").await;
    let mut rule: Value = protection(&["ci/test"]);
    rule["enable_merge_whitelist"] = json!(true);
    rule["merge_whitelist_usernames"] = json!([bench.owner]);
    bench.call(Method::POST, "/branch_protections", Some(rule)).await;
    let token = bench.gitea.token(&colleague, &["write:repository"]).await.into();
    let bench = Bench { token, ..bench };
    let pull = bench.ensure(&merged_by(MergeMethod::Merge)).await.unwrap();
    let why = refused(&pull.auto_merge);
    assert!(why.contains("merge pull request 1 of") && why.contains("not allowed to merge"), "{why}");
}
