//! A real Gitea on sqlite: git server, REST API and container registry on one loopback port.

mod repo;
mod signer;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use self::repo::commit_directory;
pub(crate) use self::repo::{Repo, git, try_git};
use super::bin;
use super::net::{client, free_port, unique};
use super::process::{self, Process};

/// The administrator's name; every password is [`PASSWORD`].
pub(crate) const ADMIN: &str = "root-admin";
/// Every user's password.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A running Gitea. If this process started it, it is stopped and its files are removed on drop.
pub(crate) struct Gitea {
    /// Its process and its files; `None` if it was started elsewhere.
    pub(crate) ours: Option<(Process, tempfile::TempDir)>,
    /// `127.0.0.1:port`, or another host if it was started elsewhere.
    pub(crate) host: String,
    /// The port of its SSH server.
    pub(crate) ssh: Option<u16>,
    /// The administrator's token.
    pub(crate) admin_token: String,
}

impl Gitea {
    /// A Gitea on a free port that also serves Git over SSH.
    pub(crate) fn start_with_ssh() -> Self {
        Self::start_on(free_port(), true)
    }

    /// A Gitea on `port`, for tests that need its address before it runs.
    pub(crate) fn start_on(port: u16, ssh: bool) -> Self {
        let root = process::directory("gitea-");
        let host = format!("127.0.0.1:{port}");
        let ssh = ssh.then(free_port);
        fs::write(root.path().join("app.ini"), config(root.path(), port, ssh)).unwrap();
        admin(root.path(), &["migrate"]);
        let user = ["--username", ADMIN, "--password", PASSWORD, "--email", "root@example.com"];
        let create = ["admin", "user", "create", "--admin", "--must-change-password=false"];
        admin(root.path(), &[&create[..], &user].concat());
        let token =
            ["admin", "user", "generate-access-token", "--username", ADMIN, "--scopes", "all", "--raw"];
        // When run as root, it also prints a warning, in no fixed order.
        let said = admin(root.path(), &token);
        let is_token = |line: &&str| line.len() == 40 && line.bytes().all(|b| b.is_ascii_hexdigit());
        let admin_token = said
            .lines()
            .map(str::trim)
            .find(is_token)
            .unwrap_or_else(|| panic!("no token in: {said}"))
            .to_owned();
        let mut process = Process::spawn("gitea", command(root.path(), &["web"]), &root.path().join("log"));
        process.wait_until("for /api/healthz", |_| healthy(&host));
        Self { ours: Some((process, root)), host, ssh, admin_token }
    }

    fn root(&self) -> &Path {
        self.ours.as_ref().map(|(_, root)| root.path()).unwrap()
    }

    fn log(&self) -> String {
        self.ours.as_ref().map(|(process, _)| process.log()).unwrap_or_default()
    }

    /// `127.0.0.1:port`, also the registry's.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// The port of the SSH server. Panics if Gitea was started without it.
    pub(crate) fn ssh_port(&self) -> u16 {
        self.ssh.unwrap()
    }

    /// The administrator's token, with every scope.
    pub(crate) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// A call of the REST API as the administrator: `path` begins after `/api/v1`.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.request(method, path).bearer_auth(&self.admin_token);
        answer(body.into_iter().fold(request, |request, body| request.json(&body))).await
    }

    /// The same as [`Self::api`], for calls that must succeed.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.api(method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}\n{}", self.log());
        answer
    }

    /// A new user with a unique name that begins with `prefix`.
    pub(crate) async fn user(&self, prefix: &str) -> String {
        let name = unique(prefix);
        let email = format!("{name}@example.com");
        let body =
            json!({"username": name, "password": PASSWORD, "email": email, "must_change_password": false});
        self.call(Method::POST, "/admin/users", Some(body)).await;
        name
    }

    /// A new organisation with a unique name that begins with `prefix`.
    pub(crate) async fn org(&self, prefix: &str) -> String {
        let name = unique(prefix);
        self.call(Method::POST, "/orgs", Some(json!({"username": name, "visibility": "private"}))).await;
        name
    }

    /// A new token of `user` with `scopes` such as `read:repository`, `write:package` or `all`.
    pub(crate) async fn token(&self, user: &str, scopes: &[&str]) -> String {
        let request = self.request(Method::POST, &format!("/users/{user}/tokens"));
        // Users of the cluster's Gitea outlive a process of tests.
        let name = format!("{}-{}", unique("token"), std::process::id());
        let body = json!({"name": name, "scopes": scopes});
        let (status, answer) = answer(request.basic_auth(user, Some(PASSWORD)).json(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["sha1"].as_str().unwrap().to_owned()
    }

    /// Accepts the OpenSSH public key `public` for `user`.
    pub(crate) async fn ssh_key(&self, user: &str, public: &str) {
        let body = json!({"title": unique("key"), "key": public.trim()});
        self.call(Method::POST, &format!("/admin/users/{user}/keys"), Some(body)).await;
    }

    /// Creates a private repository of `owner` (a user or an organisation), with one commit on `main`.
    pub(crate) async fn repo(&self, owner: &str, prefix: &str) -> Repo<'_> {
        self.new_repo(owner, prefix, true).await
    }

    /// A new private repository without a commit.
    pub(crate) async fn empty_repo(&self, owner: &str, prefix: &str) -> Repo<'_> {
        self.new_repo(owner, prefix, false).await
    }

    /// A new private repository of a user, whose `main` is one commit with the files of `directory`, and that commit's id. Gitea
    /// adopts what is on its disk: a push would start it three times more for its hooks.
    pub(crate) async fn repo_with(&self, owner: &str, prefix: &str, directory: &Path) -> (Repo<'_>, String) {
        let repo = Repo::new(self, owner, unique(prefix));
        fs::create_dir_all(repo.disk()).unwrap();
        let head = commit_directory(&repo.disk(), directory, "first", &[]);
        self.call(Method::POST, &format!("/admin/unadopted/{}", repo.full_name()), None).await;
        (repo, head)
    }

    async fn new_repo(&self, owner: &str, prefix: &str, auto_init: bool) -> Repo<'_> {
        let name = unique(prefix);
        let body = json!({"name": name, "private": true, "auto_init": auto_init, "default_branch": "main"});
        let (status, _) = self.api(Method::GET, &format!("/orgs/{owner}"), None).await;
        let path = if status.is_success() {
            format!("/orgs/{owner}/repos")
        } else {
            format!("/admin/users/{owner}/repos")
        };
        self.call(Method::POST, &path, Some(body)).await;
        Repo::new(self, owner, name)
    }

    /// A docker config.json that logs `user` in to this registry with `token`.
    pub(crate) fn docker_config_json(&self, user: &str, token: &str) -> String {
        let auth = BASE64_STANDARD.encode(format!("{user}:{token}"));
        json!({"auths": {&self.host: {"auth": auth}}}).to_string()
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        client().request(method, format!("{}/api/v1{path}", self.url()))
    }
}

/// The status and the JSON body; the text if it is not JSON.
async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Each push starts Gitea anew for its hooks, so its runtime is told to do nothing that such a short process does not need.
const SHORT_LIVED: [(&str, &str); 2] = [("GOGC", "400"), ("GOMAXPROCS", "1")];

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(bin::testbed("gitea"));
    command
        .env_clear()
        .envs(SHORT_LIVED)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", root);
    command.arg("--config").arg(root.join("app.ini")).args(arguments);
    command
}

/// Runs a command of Gitea. Returns its standard output.
fn admin(root: &Path, arguments: &[&str]) -> String {
    let output = command(root, arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "gitea {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Whether `GET /api/healthz` is answered with 200.
fn healthy(host: &str) -> Option<()> {
    let mut stream = TcpStream::connect(host).ok()?;
    stream.write_all(b"GET /api/healthz HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.lines().next()?.contains(" 200 ").then_some(())
}

fn config(root: &Path, port: u16, ssh: Option<u16>) -> String {
    let testbed = bin::testbed("gitea");
    let share = testbed.ancestors().nth(2).unwrap().join("share/gitea");
    let ssh = ssh.map_or_else(
        || "DISABLE_SSH = true".to_owned(),
        |port| format!("START_SSH_SERVER = true\nSSH_LISTEN_HOST = 127.0.0.1\nSSH_DOMAIN = 127.0.0.1\nSSH_PORT = {port}\nSSH_LISTEN_PORT = {port}"),
    );
    // The channel queue delivers webhooks at once; the default queue polls.
    format!(
        "RUN_MODE = prod\nI_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\nWORK_PATH = {root}\n\
         [server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = http://127.0.0.1:{port}/\n\
         STATIC_ROOT_PATH = {share}\nOFFLINE_MODE = true\n{ssh}\n\
         [database]\nDB_TYPE = sqlite3\n[security]\nINSTALL_LOCK = true\nPASSWORD_HASH_ALGO = pbkdf2$1000$20\n\
         [webhook]\nALLOWED_HOST_LIST = loopback\n[queue]\nTYPE = channel\n",
        root = root.display(),
        share = share.display(),
    )
}
