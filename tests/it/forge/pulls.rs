//! One open pull request per head and base.

use argo_buildkit::forge::{AutoMerge, ForgeError, PullRequest};
use reqwest::Method;
use serde_json::json;

use super::{Bench, names, wanted};

#[tokio::test]
async fn it_is_opened_once_and_then_kept_up_to_date() {
    let bench = Bench::with(&["write:repository"]).await;
    let first = bench.ensure(&wanted()).await.unwrap();
    assert!(first.created && first.warnings.is_empty() && first.auto_merge == AutoMerge::Off, "{first:?}");
    assert_eq!(first.url, format!("{}/{}/pulls/{}", bench.gitea.url(), bench.repo.full_name(), first.number));
    let there = bench.pull(first.number).await;
    assert_eq!((&there["title"], &there["body"]), (&json!("Deploy 2"), &json!("From `1` to `2`.")));

    bench.repo.commit_file("deploy", "values.yaml", "tag: 3\n", "deploy 3").await;
    let newer = PullRequest { title: "Deploy 3".to_owned(), body: String::new(), ..wanted() };
    let second = bench.ensure(&newer).await.unwrap();
    assert_eq!((second.number, second.created), (first.number, false));
    let there = bench.pull(first.number).await;
    assert_eq!((&there["title"], &there["body"]), (&json!("Deploy 3"), &json!("")));
    assert_eq!(bench.call(Method::GET, "/pulls?state=all", None).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_branch_that_served_before_serves_again() {
    let bench = Bench::with(&["write:repository"]).await;
    let other = bench.gitea.user("other").await;
    bench.repo.branch("release/1.0", "main").await;
    bench.repo.branch("bump/api-é", "deploy").await;
    let wanted = PullRequest { head: "bump/api-é".to_owned(), base: "release/1.0".to_owned(), ..wanted() };
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let opened = bench.ensure(&wanted).await.unwrap();
        assert!(opened.created);
        let again = bench.ensure(&wanted).await.unwrap();
        assert_eq!((again.number, again.created), (opened.number, false));
        numbers.push(opened.number);
        let closed =
            bench.forge.close_pull_request(&bench.repository, &bench.token, &wanted.head, &wanted.base);
        assert_eq!(closed.await.unwrap(), Some(opened.number));
        assert_eq!(bench.pull(opened.number).await["state"], "closed");
    }
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
    let none =
        bench.forge.close_pull_request(&bench.repository, &bench.token, &wanted.head, &wanted.base).await;
    assert_eq!(none.unwrap(), None);

    // A branch of the same name in a fork is another branch.
    bench.repo.grant(&other, "read").await;
    let fork = format!("/repos/{}/forks", bench.repo.full_name());
    let theirs = bench.gitea.token(&other, &["all"]).await;
    let client = crate::support::net::client();
    let post = |path: String, body| {
        client.post(format!("{}/api/v1{path}", bench.gitea.url())).bearer_auth(&theirs).json(&body).send()
    };
    assert_eq!(post(fork, json!({})).await.unwrap().status(), 202);
    let body = json!({"head": format!("{other}:bump/api-é"), "base": "release/1.0", "title": "from a fork"});
    let path = format!("/repos/{}/pulls", bench.repo.full_name());
    let opened = crate::support::net::until(
        || "the fork's branch".to_owned(),
        super::PATIENCE,
        async || {
            Some(post(path.clone(), body.clone()).await.unwrap()).filter(|answer| answer.status() == 201)
        },
    );
    let theirs: serde_json::Value = opened.await.json().await.unwrap();
    let ours = bench.ensure(&wanted).await.unwrap();
    assert!(ours.created && ours.number != theirs["number"], "{ours:?} {theirs}");
}

#[tokio::test]
async fn many_at_once_end_in_one() {
    let bench = Bench::with(&["write:repository"]).await;
    let wanted = wanted();
    let all = futures_util::future::join_all((0..6).map(|_| bench.ensure(&wanted))).await;
    let pulls: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    let open = bench.call(Method::GET, "/pulls?state=open", None).await;
    assert_eq!(open.as_array().unwrap().len(), 1, "{pulls:?}");
    assert!(pulls.iter().all(|pull| pull.number == open[0]["number"]), "{pulls:?}");
    assert_eq!(pulls.iter().filter(|pull| pull.created).count(), 1);
}

#[tokio::test]
async fn a_repository_without_pull_requests_says_so() {
    let bench = Bench::with(&["write:repository"]).await;
    bench.call(Method::PATCH, "", Some(json!({"has_pull_requests": false}))).await;
    let error = bench.ensure(&wanted()).await.unwrap_err();
    assert!(matches!(error, ForgeError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("pull requests turned off"), "{error}");
}

#[tokio::test]
async fn labels_and_assignees_are_added_and_none_is_removed() {
    let bench = Bench::with(&["write:repository", "write:issue"]).await;
    let (colleague, stranger) = (bench.gitea.user("colleague").await, bench.gitea.user("stranger").await);
    bench.repo.grant(&colleague, "write").await;
    bench.call(Method::POST, "/labels", Some(json!({"name": "deploy", "color": "#00aabb"}))).await;
    let mut wanted = wanted();
    wanted.labels = vec!["deploy".to_owned(), "made by us".to_owned()];
    let number = bench.ensure(&wanted).await.unwrap().number;
    assert_eq!(names(&bench.pull(number).await["labels"], "name"), ["deploy", "made by us"]);

    let theirs = json!({"labels": ["urgent"]});
    bench.call(Method::POST, "/labels", Some(json!({"name": "urgent", "color": "#ff0000"}))).await;
    bench.call(Method::POST, &format!("/issues/{number}/labels"), Some(theirs)).await;
    let assigned = json!({"assignees": [bench.owner]});
    bench.call(Method::PATCH, &format!("/pulls/{number}"), Some(assigned)).await;
    wanted.assignees = vec!["nobody-here".to_owned(), colleague.clone(), stranger.clone()];
    wanted.labels.push("third".to_owned());
    let again = bench.ensure(&wanted).await.unwrap();
    let there = bench.pull(number).await;
    assert_eq!(names(&there["labels"], "name"), ["deploy", "made by us", "third", "urgent"]);
    let mut both = vec![bench.owner.clone(), colleague];
    both.sort();
    assert_eq!(names(&there["assignees"], "login"), both);
    let [unknown, without_access] = &again.warnings[..] else { panic!("{again:?}") };
    assert!(unknown.contains("`nobody-here` was not assigned"), "{unknown}");
    assert!(without_access.contains(&format!("`{stranger}` was not assigned")), "{without_access}");
    let labels = bench.call(Method::GET, "/labels", None).await;
    assert_eq!(labels.as_array().unwrap().len(), 4, "no label is made twice: {labels}");
}

#[tokio::test]
async fn labels_of_the_organisation_count() {
    let gitea = tokio::task::spawn_blocking(crate::support::shared::shared_gitea).await.unwrap();
    let org = gitea.org("shop").await;
    let repo = gitea.repo(&org, "gitops").await;
    let label = json!({"name": "deploy", "color": "#00aabb"});
    gitea.call(Method::POST, &format!("/orgs/{org}/labels"), Some(label)).await;
    let bench = Bench::of(gitea, org, repo, gitea.admin_token().to_owned().into()).await;
    let wanted = PullRequest { labels: vec!["deploy".to_owned()], ..wanted() };
    let pull = bench.ensure(&wanted).await.unwrap();
    assert!(pull.warnings.is_empty(), "{pull:?}");
    assert_eq!(names(&bench.pull(pull.number).await["labels"], "name"), ["deploy"]);
    assert_eq!(
        bench.call(Method::GET, "/labels", None).await,
        json!([]),
        "the repository has none of its own"
    );
}
