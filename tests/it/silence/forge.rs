//! The forges' client: a pull request, a branch's rules, and a commit's status.

use std::sync::atomic::{AtomicU32, Ordering};

use argo_buildkit::forge::{
    Forge, ForgeError, ForgeOptions, ForgeRepository, PullRequest, Status, StatusState,
};
use argo_buildkit::outcome::Fault;
use secrecy::SecretString;
use tokio::task::spawn_blocking;

use super::{HOUR, LIMIT, LIMIT_TEXT, beside, names, through_first_holes, through_holes};
use crate::support::shared::shared_gitea;

fn forge(limit: std::time::Duration) -> Forge {
    Forge::new(ForgeOptions { connect_timeout: limit, timeout: limit, ..ForgeOptions::default() }).unwrap()
}

fn given_up(error: &ForgeError, host: &str) {
    assert_eq!(error.fault(), Fault::Transient, "{error:?}");
    names(&error.to_string(), host, LIMIT_TEXT);
}

/// A repository with branches `main` and `deploy`, the commit of `deploy`, and a token for it.
struct Bench {
    host: &'static str,
    full_name: String,
    commit: String,
    token: SecretString,
}

impl Bench {
    async fn start() -> Self {
        let gitea = spawn_blocking(shared_gitea).await.unwrap();
        let owner = gitea.user("silent").await;
        let repo = gitea.repo(&owner, "gitops").await;
        repo.commit_file("main", "values.yaml", "tag: 1\n", "first").await;
        repo.branch("deploy", "main").await;
        let commit = repo.commit_file("deploy", "values.yaml", "tag: 2\n", "deploy 2").await;
        let token = gitea.token(&owner, &["write:repository", "write:issue"]).await.into();
        Self { host: gitea.host(), full_name: repo.full_name(), commit, token }
    }

    fn at(&self, host: &str) -> ForgeRepository {
        ForgeRepository::from_clone_url(&format!("http://{host}/{}.git", self.full_name), None, None).unwrap()
    }
}

#[tokio::test]
async fn a_forge_that_does_not_tell_a_branch_s_rules_is_given_up() {
    let bench = Bench::start().await;
    let ask = async |host: String| forge(LIMIT).branch(&bench.at(&host), &bench.token, "main").await;
    through_holes(bench.host, ask, given_up).await;
}

#[tokio::test]
async fn a_forge_that_does_not_open_a_pull_request_is_given_up() {
    let bench = Bench::start().await;
    let wanted = PullRequest {
        head: "deploy".to_owned(),
        base: "main".to_owned(),
        title: "Deploy 2".to_owned(),
        body: String::new(),
        labels: Vec::new(),
        assignees: Vec::new(),
        unchanged: false,
        auto_merge: None,
        squash_message: None,
    };
    let open = async |host: String| {
        let forge = forge(LIMIT);
        let opened = forge.pull_request(&bench.at(&host), &bench.token, &wanted).await;
        opened.map_err(|error| error.error)
    };
    // After half of the bytes, the pull request may exist already.
    through_first_holes(bench.host, open, given_up).await;
}

#[tokio::test]
async fn a_forge_that_does_not_set_a_status_is_given_up() {
    let bench = Bench::start().await;
    let calls = AtomicU32::new(100);
    let set = async |host: String| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let wanted = Status {
            commit: bench.commit.clone(),
            // Each is another one, so each is written.
            context: format!("ci/{call}"),
            state: StatusState::Success,
            description: String::new(),
            url: None,
        };
        forge(LIMIT).set_status(&bench.at(&host), &bench.token, &wanted).await
    };
    // The answers grow with the statuses, so half of their bytes may be all that is needed.
    through_first_holes(bench.host, set, given_up).await;
}

#[tokio::test]
async fn others_ask_a_forge_while_one_waits_for_it() {
    let bench = Bench::start().await;
    let make = async |host: String| (forge(HOUR), bench.at(&host));
    let ask = async |(forge, repository): &(Forge, ForgeRepository)| {
        forge.branch(repository, &bench.token, "main").await
    };
    beside(bench.host, make, ask, ask).await.unwrap();
}
