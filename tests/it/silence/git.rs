//! The Git client, over http and ssh: the commit of a revision, the right to push, and a commit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use argo_buildkit::git::{Credentials, Git, GitError, GitOptions, Identity, RepoUrl};
use argo_buildkit::outcome::Fault;
use argo_buildkit::push_gate::PushGate;
use argo_buildkit::write_back::{EDIT_MEMORY, Edited, Landed, Message, Pusher, WriteBack, WriteError};
use tokio::time::Instant;

use super::{HOUR, LIMIT, LIMIT_TEXT, beside, names, through_first_holes, through_holes};
use crate::support::git_http::GitHttp;
use crate::support::net::unique;
use crate::support::plugin::tree;
use crate::support::sshd::Sshd;

/// A repository that one server offers over http and another over ssh.
struct Bench {
    http: GitHttp,
    sshd: Sshd,
    name: String,
}

#[derive(Debug, Clone, Copy)]
enum By {
    Http,
    Ssh,
}

impl Bench {
    fn start() -> Self {
        let bench = Self { http: GitHttp::start("", ""), sshd: Sshd::start(), name: unique("silent") };
        let files = tree(&[("values.yaml", "tag: old\n")]);
        bench.http.commit_directory(&bench.name, "main", files.path(), "first");
        bench
    }

    /// The repository's address, and the server's `host:port` in it.
    fn url(&self, by: By) -> (String, String) {
        let url = match by {
            By::Http => self.http.repo_url(&self.name),
            By::Ssh => self.sshd.url(&self.path()),
        };
        let rest = url.split("://").nth(1).unwrap();
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        (url.clone(), rest.split('/').next().unwrap().to_owned())
    }

    fn path(&self) -> std::path::PathBuf {
        self.http.repo(&self.name)
    }

    fn login(&self, by: By) -> Credentials {
        match by {
            By::Http => Credentials::Anonymous,
            By::Ssh => Credentials::ssh(&self.sshd.client_key().into(), None),
        }
    }

    /// The repository with the address `host`.
    fn at(&self, by: By, host: &str) -> RepoUrl {
        let (url, server) = self.url(by);
        url.replace(&server, host).parse().unwrap()
    }
}

fn client(limit: Duration, question: Duration) -> Git {
    Git::new(GitOptions {
        connect_timeout: limit,
        read_timeout: limit,
        resolve_timeout: question,
        accept_unknown_ssh_hosts: true,
        ..GitOptions::default()
    })
    .unwrap()
}

fn given_up(error: &GitError, host: &str) {
    assert_eq!(error.fault(), Fault::Transient, "{error:?}");
    names(&error.to_string(), host, LIMIT_TEXT);
}

#[tokio::test]
async fn a_server_that_does_not_show_a_commit_is_given_up() {
    let bench = Bench::start();
    for by in [By::Http, By::Ssh] {
        let call = async |host: String| {
            client(LIMIT, HOUR).resolve(&bench.at(by, &host), &bench.login(by), "main").await
        };
        through_holes(&bench.url(by).1, call, given_up).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_say_who_may_push_is_given_up() {
    let bench = Bench::start();
    for by in [By::Http, By::Ssh] {
        let call =
            async |host: String| client(LIMIT, HOUR).may_push(&bench.at(by, &host), &bench.login(by)).await;
        through_holes(&bench.url(by).1, call, given_up).await;
    }
}

#[tokio::test]
async fn a_question_ends_at_its_own_limit_whatever_is_tried_for_it() {
    let bench = Bench::start();
    for by in [By::Http, By::Ssh] {
        let resolve = async |host: String| {
            client(HOUR, LIMIT).resolve(&bench.at(by, &host), &bench.login(by), "main").await
        };
        through_holes(&bench.url(by).1, resolve, given_up).await;
        let may_push =
            async |host: String| client(HOUR, LIMIT).may_push(&bench.at(by, &host), &bench.login(by)).await;
        through_holes(&bench.url(by).1, may_push, given_up).await;
    }
}

/// A commit that sets a tag, which no other test writes.
async fn commit(git: Git, repo: RepoUrl, credentials: Credentials) -> Result<Landed, WriteError> {
    let identity = Identity { name: "t".to_owned(), email: "t@example.com".to_owned() };
    let request = WriteBack {
        repo,
        credentials,
        branch: "main".to_owned(),
        files: vec!["values.yaml".parse().unwrap()],
        author: identity.clone(),
        committer: identity,
        signing_key: None,
        source: None,
        places: None,
        head: None,
        dry_run: false,
        publish: None,
        deadline: Instant::now() + LIMIT * 15,
        push_gate: Arc::new(PushGate::default()),
    };
    let content = format!("tag: {}\n", unique("v"));
    let edit = move |_: &_| {
        let files = [("values.yaml".to_owned(), content.clone().into_bytes())].into();
        Ok(Edited { files, message: Message::new("set") })
    };
    Pusher::new(git, EDIT_MEMORY).write_back(request, Arc::new(edit)).await
}

#[tokio::test]
async fn a_server_that_does_not_take_a_commit_is_given_up() {
    let bench = Bench::start();
    allow_pushes(&bench.path());
    for by in [By::Http, By::Ssh] {
        let call =
            async |host: String| commit(client(LIMIT, HOUR), bench.at(by, &host), bench.login(by)).await;
        // If the answer to a push was lost, another connection may show that the push succeeded.
        let given_up = |error: &WriteError, host: &str| match error {
            WriteError::Git(error) => given_up(error, host),
            WriteError::Edit(error) => panic!("{error:?}"),
        };
        through_first_holes(&bench.url(by).1, call, given_up).await;
    }
}

/// git's own http server accepts anonymous pushes only if it is configured to.
fn allow_pushes(repo: &Path) {
    crate::support::gitea::git(repo, &["config", "http.receivepack", "true"], None);
}

#[tokio::test]
async fn others_ask_a_git_server_while_one_waits_for_it() {
    let bench = Bench::start();
    for by in [By::Http, By::Ssh] {
        let make = async |host: String| (client(HOUR, HOUR), bench.at(by, &host));
        let ask = async |(git, repo): &(Git, RepoUrl)| git.resolve(repo, &bench.login(by), "main").await;
        beside(&bench.url(by).1, make, ask, ask).await.unwrap();
    }
}
