//! GitHub's API, on a stand-in that follows its documentation.

use std::time::Duration;

use argo_buildkit::forge::{
    AutoMerge, Dialect, Forge, ForgeError, ForgeOptions, ForgeRepository, MergeMethod, Pull, PullRequest,
};
use argo_buildkit::outcome::Fault;
use axum::http::Method;
use serde_json::{Value, json};

use super::{names, refused, wanted};
use crate::support::github::GitHub;

async fn ensure(github: &GitHub, wanted: &PullRequest) -> Result<Pull, ForgeError> {
    let repository =
        ForgeRepository::from_clone_url(&github.clone_url(), Some(Dialect::GitHub), None).unwrap();
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    forge.pull_request(&repository, &github.token(), wanted).await.map_err(|error| error.error)
}

fn merged_by(method: MergeMethod) -> PullRequest {
    PullRequest { auto_merge: Some(method), ..wanted() }
}

fn pull(github: &GitHub) -> Value {
    github.with(|inner| {
        assert_eq!(inner.pulls.len(), 1);
        inner.pulls[0].clone()
    })
}

fn calls(github: &GitHub, of: &str) -> usize {
    github.with(|inner| inner.calls.iter().filter(|call| call.contains(of)).count())
}

#[tokio::test]
async fn it_is_opened_once_and_then_kept_up_to_date() {
    let github = GitHub::start().await;
    let mut wanted = wanted();
    wanted.labels = vec!["deploy".to_owned()];
    wanted.assignees = vec!["ada".to_owned(), "xavier".to_owned()];
    let first = ensure(&github, &wanted).await.unwrap();
    assert!(first.created && first.number == 1 && first.auto_merge == AutoMerge::Off, "{first:?}");
    assert_eq!(first.url, "https://ghe.example.com/shop/gitops/pull/1");
    let [warning] = &first.warnings[..] else { panic!("{first:?}") };
    assert!(warning.contains("passed over `xavier`"), "{warning}");

    github.with(|inner| inner.pulls[0]["labels"].as_array_mut().unwrap().push(json!({"name": "Urgent"})));
    wanted.title = "Deploy 3".to_owned();
    wanted.labels.push("urgent".to_owned());
    wanted.assignees = vec!["Ada".to_owned()];
    let second = ensure(&github, &wanted).await.unwrap();
    assert_eq!((second.number, second.created, second.warnings.len()), (1, false, 0));
    let third = ensure(&github, &wanted).await.unwrap();
    assert_eq!(
        (third.number, third.created, calls(&github, "PATCH")),
        (1, false, 1),
        "what is so is not written"
    );
    let there = pull(&github);
    assert_eq!(there["title"], "Deploy 3");
    assert_eq!(names(&there["labels"], "name"), ["Urgent", "deploy"]);
    assert_eq!(names(&there["assignees"], "login"), ["ada"]);
    assert_eq!(
        (calls(&github, "labels"), calls(&github, "assignees")),
        (1, 1),
        "what is there is not added again"
    );
}

#[tokio::test]
async fn a_race_and_a_lost_answer_end_in_the_one_that_is_there() {
    let github = GitHub::start().await;
    github.with(|inner| inner.lose_answer = true);
    let first = ensure(&github, &wanted()).await.unwrap();
    assert_eq!((first.number, first.created), (1, false));
    github.with(|inner| inner.behind = 1);
    let second = ensure(&github, &PullRequest { title: "newer".to_owned(), ..wanted() }).await.unwrap();
    assert_eq!((second.number, second.created), (1, false));
    assert_eq!(pull(&github)["title"], "newer");
}

#[tokio::test]
async fn it_is_closed() {
    let github = GitHub::start().await;
    ensure(&github, &wanted()).await.unwrap();
    let repository =
        ForgeRepository::from_clone_url(&github.clone_url(), Some(Dialect::GitHub), None).unwrap();
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    for want in [Some(1), None] {
        let closed = forge.close_pull_request(&repository, &github.token(), "deploy", "main").await;
        assert_eq!(closed.unwrap(), want);
    }
    assert_eq!(pull(&github)["state"], "closed");
}

#[tokio::test]
async fn auto_merge_is_turned_on_once() {
    let github = GitHub::start().await;
    github.with(|inner| inner.settings["allow_merge_commit"] = json!(false));
    for _ in 0..2 {
        let pull = ensure(&github, &merged_by(MergeMethod::Default)).await.unwrap();
        assert_eq!(pull.auto_merge, AutoMerge::Scheduled);
    }
    assert_eq!(pull(&github)["auto_merge"]["merge_method"], "squash");
    assert_eq!(calls(&github, "graphql"), 1);
}

#[tokio::test]
async fn with_nothing_to_wait_for_it_is_merged_at_once() {
    for (deletes_itself, left) in [(false, 1), (true, 2)] {
        let github = GitHub::start().await;
        github.with(|inner| {
            inner.refusal = Some("Pull request Pull request is in clean status");
            inner.settings["delete_branch_on_merge"] = json!(deletes_itself);
        });
        let merged = ensure(&github, &merged_by(MergeMethod::Rebase)).await.unwrap();
        assert_eq!(merged.auto_merge, AutoMerge::Merged);
        assert_eq!(pull(&github)["merged_by"], json!({"method": "rebase", "title": null, "message": null}));
        assert_eq!(github.with(|inner| inner.branches.len()), left);
    }
}

#[tokio::test]
async fn a_squash_has_our_message() {
    let github = GitHub::start().await;
    let mut wanted = merged_by(MergeMethod::Squash);
    for (tag, calls_so_far) in [("2", 1), ("3", 3)] {
        wanted.title = format!("Deploy {tag}");
        wanted.squash_message = Some(format!("Deploy {tag}\n\nImage: api:{tag}\n"));
        assert_eq!(ensure(&github, &wanted).await.unwrap().auto_merge, AutoMerge::Scheduled);
        let want = json!({"merge_method": "squash", "commit_title": format!("Deploy {tag}"),
            "commit_message": format!("Image: api:{tag}")});
        assert_eq!(pull(&github)["auto_merge"], want, "a newer one takes the older one's place");
        assert_eq!(calls(&github, "graphql"), calls_so_far);
    }
    wanted.auto_merge = Some(MergeMethod::Merge);
    wanted.title = "Deploy 4".to_owned();
    ensure(&github, &wanted).await.unwrap();
    assert_eq!(pull(&github)["auto_merge"]["commit_title"], Value::Null, "a merge keeps our commit itself");

    let github = GitHub::start().await;
    github.with(|inner| inner.refusal = Some("Pull request Pull request is in clean status"));
    wanted.auto_merge = Some(MergeMethod::Squash);
    ensure(&github, &wanted).await.unwrap();
    let want = json!({"method": "squash", "title": "Deploy 3", "message": "Image: api:3"});
    assert_eq!(pull(&github)["merged_by"], want);
}

#[tokio::test]
async fn refusals_to_merge_say_what_to_do() {
    for (refusal, says) in [
        ("Pull request Auto merge is not allowed for this repository", "turn on \"Allow auto-merge\""),
        ("Pull request Protected branch rules not configured for this branch", "required check"),
        ("Pull request Pull request is in unstable status", "none is required"),
    ] {
        let github = GitHub::start().await;
        github.with(|inner| inner.refusal = Some(refusal));
        let opened = ensure(&github, &merged_by(MergeMethod::Squash)).await.unwrap();
        let why = refused(&opened.auto_merge);
        assert!(opened.created && why.contains(refusal) && why.contains(says), "{why}");
        assert_eq!(pull(&github)["merged"], false);
    }
    let github = GitHub::start().await;
    github.with(|inner| inner.settings["allow_rebase_merge"] = json!(false));
    let opened = ensure(&github, &merged_by(MergeMethod::Rebase)).await.unwrap();
    assert!(refused(&opened.auto_merge).contains("does not allow to merge by rebase"), "{opened:?}");
    assert_eq!(calls(&github, "graphql"), 0);
}

#[tokio::test]
async fn it_waits_until_github_knows_whether_it_conflicts() {
    let github = GitHub::start().await;
    ensure(&github, &wanted()).await.unwrap();
    github.with(|inner| inner.pulls[0]["mergeable"] = json!(false));
    let opened = ensure(&github, &merged_by(MergeMethod::Merge)).await.unwrap();
    assert!(refused(&opened.auto_merge).contains("`deploy` conflicts with `main`"), "{opened:?}");
    assert_eq!(calls(&github, "graphql"), 0);

    let github = GitHub::start().await;
    let number = ensure(&github, &wanted()).await.unwrap().number;
    let before = calls(&github, "GET /api/v3/repos/shop/gitops/pulls/1");
    github.with(|inner| inner.undecided = 2);
    let opened = ensure(&github, &merged_by(MergeMethod::Merge)).await.unwrap();
    assert_eq!((opened.number, opened.auto_merge), (number, AutoMerge::Scheduled));
    assert_eq!(
        calls(&github, "GET /api/v3/repos/shop/gitops/pulls/1") - before,
        3,
        "two nulls, then an answer"
    );
}

#[tokio::test]
async fn limits_are_waited_for_when_they_are_short() {
    let limit = json!({"message": "You have exceeded a secondary rate limit"});
    let github = GitHub::start().await;
    github.with(|inner| {
        inner.faults.push_back((Method::GET, 403, ("retry-after", "1"), limit.clone()));
        inner.faults.push_back((Method::POST, 503, ("server", "GitHub.com"), json!({})));
    });
    assert!(ensure(&github, &wanted()).await.unwrap().created);

    let github = GitHub::start().await;
    github.with(|inner| inner.faults.push_back((Method::GET, 429, ("retry-after", "3600"), limit)));
    let error = ensure(&github, &wanted()).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Transient);
    let hour = Some(Duration::from_secs(3600));
    assert!(matches!(error, ForgeError::Unavailable { retry_after, .. } if retry_after == hour), "{error:?}");
    assert_eq!(calls(&github, ""), 1, "it is left alone");
}

#[tokio::test]
async fn a_server_that_stays_away_is_given_up() {
    let github = GitHub::start().await;
    github.with(|inner| {
        inner.faults.extend((0..9).map(|_| (Method::GET, 502, ("server", "GitHub.com"), json!({}))));
    });
    let error = ensure(&github, &wanted()).await.unwrap_err();
    assert_eq!((error.fault(), calls(&github, "")), (Fault::Transient, 4), "{error:?}");
}

#[tokio::test]
async fn rights_are_named_as_github_names_them() {
    let github = GitHub::start().await;
    let body = json!({"message": "Resource not accessible by personal access token", "status": "403"});
    let header = ("x-accepted-github-permissions", "pull_requests=write");
    github.with(|inner| inner.faults.push_back((Method::POST, 403, header, body)));
    let error = ensure(&github, &wanted()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Login { .. }), "{error:?}");
    assert!(error.to_string().contains("give it the scope `pull_requests=write`"), "{error}");

    github.with(|inner| inner.settings["archived"] = json!(true));
    let error = ensure(&github, &wanted()).await.unwrap_err();
    assert!(
        matches!(error, ForgeError::Refused { .. }) && error.to_string().contains("is archived"),
        "{error:?}"
    );

    let github = GitHub::start().await;
    let nowhere = PullRequest { base: "nowhere".to_owned(), ..wanted() };
    let error = ensure(&github, &nowhere).await.unwrap_err();
    assert!(error.to_string().contains("PullRequest base invalid"), "{error}");
}

#[tokio::test]
async fn a_renamed_repository_is_written_to_under_its_new_name() {
    let github = GitHub::start().await;
    github.with(|inner| inner.name = "deployments".to_owned());
    let pull = ensure(&github, &wanted()).await.unwrap();
    let [warning] = &pull.warnings[..] else { panic!("{pull:?}") };
    assert!(pull.created && warning.contains("is now `shop/deployments`"), "{warning}");
    assert_eq!(calls(&github, "POST /api/v3/repos/shop/deployments/pulls"), 1);
}

#[tokio::test]
async fn a_wrong_token_is_a_login_error() {
    let github = GitHub::start().await;
    let repository =
        ForgeRepository::from_clone_url(&github.clone_url(), Some(Dialect::GitHub), None).unwrap();
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    let error = forge.pull_request(&repository, &"ghp_hunter2".into(), &wanted()).await.unwrap_err();
    assert!(matches!(error.error, ForgeError::Login { .. }), "{error:?}");
    assert!(error.to_string().contains("Bad credentials") && !format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn files_are_not_written_through_its_api() {
    let github = GitHub::start().await;
    let repository =
        ForgeRepository::from_clone_url(&github.clone_url(), Some(Dialect::GitHub), None).unwrap();
    let forge = Forge::new(ForgeOptions::default()).unwrap();
    let write = super::files::write("main", Vec::new());
    let error = forge.write_files(&repository, &github.token(), &write).await.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("push with Git"), "{error}");
}
