//! Pull requests, commits through a forge's API and commit statuses, on a real Gitea and on a stand-in for GitHub that follows its
//! documentation.

mod files;
mod github;
mod github_statuses;
mod merge;
mod packages;
mod pulls;
mod rights;
mod statuses;

use std::time::Duration;

use argo_buildkit::forge::{AutoMerge, Forge, ForgeError, ForgeOptions, ForgeRepository, Pull, PullRequest};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::support::gitea::{Gitea, Repo};
use crate::support::net::{PATIENCE, until};
use crate::support::shared::shared_gitea;

/// A repository of a Gitea, a token for it, and a branch `deploy` that is one commit before `main`.
struct Bench {
    gitea: &'static Gitea,
    owner: String,
    repo: Repo<'static>,
    repository: ForgeRepository,
    token: SecretString,
    forge: Forge,
}

impl Bench {
    /// The same, with a token of the owner that has `scopes`.
    async fn with(scopes: &[&str]) -> Self {
        let gitea = spawn_blocking(shared_gitea).await.unwrap();
        let owner = gitea.user("owner").await;
        let repo = gitea.repo(&owner, "gitops").await;
        let token = gitea.token(&owner, scopes).await.into();
        Self::of(gitea, owner, repo, token).await
    }

    async fn of(gitea: &'static Gitea, owner: String, repo: Repo<'static>, token: SecretString) -> Self {
        repo.commit_file("main", "values.yaml", "tag: 1\n", "first").await;
        repo.branch("deploy", "main").await;
        repo.commit_file("deploy", "values.yaml", "tag: 2\n", "deploy 2").await;
        let repository = ForgeRepository::from_clone_url(&repo.url(), None, None).unwrap();
        let wait = Duration::from_secs(30);
        let forge = Forge::new(ForgeOptions { mergeable_wait: wait, ..ForgeOptions::default() }).unwrap();
        Self { gitea, owner, repo, repository, token, forge }
    }

    async fn ensure(&self, wanted: &PullRequest) -> Result<Pull, ForgeError> {
        self.forge.pull_request(&self.repository, &self.token, wanted).await.map_err(|error| error.error)
    }

    /// A call of Gitea's API as the administrator, below the repository.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        self.gitea.call(method, &format!("/repos/{}{path}", self.repo.full_name()), body).await
    }

    async fn pull(&self, number: u64) -> Value {
        self.call(Method::GET, &format!("/pulls/{number}"), None).await
    }

    /// Waits until a pull request satisfies `is`.
    async fn pull_until(&self, number: u64, is: impl Fn(&Value) -> bool) -> Value {
        let what = || format!("pull request {number}");
        until(what, PATIENCE, async || Some(self.pull(number).await).filter(|pull| is(pull))).await
    }
}

/// From `deploy` to `main`.
fn wanted() -> PullRequest {
    PullRequest {
        head: "deploy".to_owned(),
        base: "main".to_owned(),
        title: "Deploy 2".to_owned(),
        body: "From `1` to `2`.".to_owned(),
        labels: Vec::new(),
        assignees: Vec::new(),
        unchanged: false,
        auto_merge: None,
        squash_message: None,
    }
}

fn names(list: &Value, key: &str) -> Vec<String> {
    let mut names: Vec<_> =
        list.as_array().into_iter().flatten().map(|item| item[key].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn refused(auto_merge: &AutoMerge) -> &str {
    match auto_merge {
        AutoMerge::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

fn protection(checks: &[&str]) -> Value {
    json!({"rule_name": "main", "enable_status_check": true, "status_check_contexts": checks})
}
